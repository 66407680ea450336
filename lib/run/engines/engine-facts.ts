import type { PipelineConfig } from '../../config/schema.ts';
import { asksForSpark, glueSettings } from '../../config/spark.ts';
import { type SparkEstimate, sparkEstimate } from '../spark/capacity.ts';
import type { RunContext } from '../workload.ts';
import { type FunctionsEstimate, functionsEstimate, functionsOf } from './functions-capacity.ts';
import type { Route, RouteCause } from './route-unit.ts';
import { sparkWorkOf, type UnitLoad } from './unit-load.ts';

/** A planned unit and who runs it. */
export interface RoutedUnit {
  readonly route: Route;
  readonly load: UnitLoad;
}

/** Who runs the units of a run, why, and what it costs: bounded, whatever the number of units. */
export interface EngineFacts {
  /** In the order of the run; a stage without units is left out. */
  readonly stages: readonly {
    readonly stage: string;
    readonly units: number;
    readonly sparkUnits: number;
  }[];
  /** Of Spark's units, the most frequent first; `reason` is that of one unit. */
  readonly causes: readonly { readonly cause: RouteCause; readonly units: number; readonly reason: string }[];
  /** On AWS, reckoned. */
  readonly price:
    | {
        /** Of units that stay in functions. */
        readonly functions: FunctionsEstimate | undefined;
        /** Of units that a job on Glue runs, a stage after the other. `functionUsd`: were they done in functions. */
        readonly spark: readonly (SparkEstimate & {
          readonly stage: string;
          readonly functionUsd: number;
        })[];
      }
    | undefined;
}

/** undefined where there is nothing to say: no unit is Spark's, and Spark was not asked for. */
export function engineFacts<Config extends PipelineConfig>(
  { world, config }: Pick<RunContext<Config>, 'world' | 'config'>,
  routed: readonly RoutedUnit[],
): EngineFacts | undefined {
  const spark = routed.filter(isSparks);
  if (spark.length === 0 && !asksForSpark(config)) return undefined;
  const stages = [...Map.groupBy(routed, ({ load }) => load.stage)].map(([stage, some]) => ({
    stage,
    units: some.length,
    sparkUnits: some.filter(isSparks).length,
  }));
  const causes = [...Map.groupBy(spark, ({ route }) => route.cause)]
    .map(([cause, some]) => ({ cause, units: some.length, reason: some[0]?.route.reason ?? '' }))
    .sort((a, b) => b.units - a.units);
  return { stages, causes, price: world.spark === 'glue' ? priceOf(config, routed) : undefined };
}

function priceOf(config: PipelineConfig, routed: readonly RoutedUnit[]): EngineFacts['price'] {
  const functions = functionsOf(config);
  const staying = routed.filter((unit) => !isSparks(unit)).map(({ load }) => load);
  const going = routed.filter(isSparks).map(({ load }) => load);
  return {
    functions: staying.length === 0 ? undefined : functionsEstimate(staying, functions),
    spark: [...Map.groupBy(going, ({ stage }) => stage)].map(([stage, loads]) => ({
      ...sparkEstimate(sparkWorkOf(loads), glueSettings(config)),
      stage,
      functionUsd: functionsEstimate(loads, functions).usd,
    })),
  };
}

function isSparks({ route }: RoutedUnit): boolean {
  return route.engine === 'spark';
}
