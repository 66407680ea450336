import type { GlueSettings } from '../config/spark.ts';
import type { ModelledStage } from '../engine/engine-model.ts';
import type { EngineChoice } from '../run/engines/choose-engine.ts';
import { type FunctionsEstimate, functionsEstimate } from '../run/engines/functions-capacity.ts';
import { type Route, routeUnit } from '../run/engines/route-unit.ts';
import { coreSeconds, needsOf, sparkWorkOf, type UnitLoad } from '../run/engines/unit-load.ts';
import { type SparkEstimate, sparkEstimate } from '../run/spark/capacity.ts';
import type { Assumptions } from './assumptions.ts';

/** Which engine the units of a stage would get, and what they take in functions and by Spark on Glue, all of them. */
export interface SimulatedEngine {
  readonly stage: ModelledStage;
  readonly units: number;
  readonly route: Route;
  readonly functions: FunctionsEstimate;
  readonly spark: SparkEstimate;
  /** Of one core, by the fitted model. */
  readonly cpuSeconds: { readonly duckdb: number; readonly spark: number };
}

/** So many units that are each like this one. */
export interface EqualUnits {
  readonly units: number;
  readonly load: UnitLoad;
}

interface SimulateOptions {
  readonly assumed: Assumptions;
  readonly job: GlueSettings;
  /** What the pipeline says; default: nothing. */
  readonly choice?: EngineChoice;
}

/** Lambda's, with room for a unit that takes twice as long as reckoned. */
const functionSeconds = 450;
const diskShare = 0.6;

export function simulateEngine(
  { units, load }: EqualUnits,
  { assumed, job, choice = { engine: 'auto' } }: SimulateOptions,
): SimulatedEngine {
  const { memoryGb, memoryPerCoreGb, coreSpeed, diskGb, concurrency } = assumed;
  const route = routeUnit(choice, needsOf(load), {
    memoryBytes: memoryGb * 1e9,
    seconds: functionSeconds * (memoryGb / memoryPerCoreGb) * coreSpeed,
    diskBytes: diskGb * 1e9 * diskShare,
  });
  const one = functionsEstimate([load], { memoryBytes: memoryGb * 1e9, concurrency });
  const work = sparkWorkOf([load]);
  return {
    stage: load.stage,
    units,
    route,
    functions: {
      units,
      seconds: Math.max(one.seconds, (units * one.seconds) / concurrency),
      usd: units * one.usd,
    },
    spark: sparkEstimate({ ...work, units, coreSeconds: units * work.coreSeconds }, job),
    cpuSeconds: {
      duckdb: units * coreSeconds([load], 'duckdb'),
      spark: units * coreSeconds([load], 'spark'),
    },
  };
}
