import { glueSettings } from '../config/spark.ts';
import { engineModel, type UnitVolume, unitCpuSeconds } from '../engine/engine-model.ts';
import { chooseEngine, mayUseSpark } from '../run/choose-engine.ts';
import type { RouteCause } from '../run/route-unit.ts';
import { type SparkEstimate, sparkEstimate } from '../run/spark-capacity.ts';
import { defaultAssumptions } from '../simulate/assumptions.ts';
import { prices } from '../simulate/prices.ts';
import { volumeOfGroups } from './apply-needs.ts';
import type { PlannedResolve } from './plan.ts';
import type { RoutedGroups } from './plan-engine.ts';
import { groupBytes } from './plan-groups.ts';
import type { SummaryContext } from './types.ts';

/** Who runs the units, why, and what it costs: bounded, whatever the number of units. */
export interface EngineFacts {
  /** Of `resolve`; they go by the configuration alone. */
  readonly resolve: {
    readonly units: number;
    readonly sparkUnits: number;
    readonly reason: string | undefined;
  };
  /** Of `apply`. */
  readonly units: number;
  readonly sparkUnits: number;
  /** Per cause, the most frequent first; `reason` is that of one unit. */
  readonly causes: readonly { readonly cause: RouteCause; readonly units: number; readonly reason: string }[];
  /** Of Spark's units, where they are a job on Glue; reckoned. `functionUsd`: were they done in functions. */
  readonly glue: (SparkEstimate & { readonly functionUsd: number }) | undefined;
}

/** undefined where there is nothing to say: no unit is Spark's, and none may be. */
export function engineFacts(
  context: SummaryContext,
  routed: readonly RoutedGroups[],
  resolve: readonly PlannedResolve[],
): EngineFacts | undefined {
  const { config, world } = context;
  const spark = routed.filter(({ route }) => route.engine === 'spark');
  const resolved = resolve.filter(({ specification }) => specification.engine === 'spark');
  const [first] = resolved;
  if (spark.length === 0 && !mayUseSpark(config)) return undefined;
  const causes = [...Map.groupBy(spark, ({ route }) => route.cause)]
    .map(([cause, some]) => ({ cause, units: some.length, reason: some[0]?.route.reason ?? '' }))
    .sort((a, b) => b.units - a.units);
  return {
    resolve: {
      units: resolve.length,
      sparkUnits: resolved.length,
      reason: first === undefined ? undefined : chooseEngine(config, first.bytes).reason,
    },
    units: routed.length,
    sparkUnits: spark.length,
    causes,
    glue: world.spark === 'glue' && spark.length > 0 ? glueEstimate(context, spark) : undefined,
  };
}

function glueEstimate({ config }: SummaryContext, spark: readonly RoutedGroups[]): EngineFacts['glue'] {
  const groups = spark.flatMap((unit) => unit.groups);
  const volume = volumeOfGroups(config, groups, spark.length);
  const bytes = groups.reduce((sum, group) => sum + groupBytes(group), 0);
  const estimate = sparkEstimate(engineModel(), { volume, bytes, job: glueSettings(config) });
  return { ...estimate, functionUsd: functionUsd(volume, bytes) };
}

/** Time of functions only, which is nearly all of it: fetching and work, of memory that comes with the cores. */
function functionUsd(volume: UnitVolume, bytes: number): number {
  const { memoryPerCoreGb, networkBytesPerSecond, memoryGb } = defaultAssumptions;
  const working = unitCpuSeconds(engineModel().duckdb, volume) * memoryPerCoreGb;
  const fetching = (bytes / networkBytesPerSecond) * memoryGb;
  return (working + fetching) * prices.lambdaGbSecond;
}
