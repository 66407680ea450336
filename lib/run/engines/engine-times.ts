import type { PipelineConfig } from '../../config/schema.ts';
import { glueSettings } from '../../config/spark.ts';
import { engineModel } from '../../engine/engine-model.ts';
import { sparkEstimate } from '../spark/capacity.ts';
import type { RunContext } from '../workload.ts';
import { functionsEstimate, functionsOf } from './functions-capacity.ts';
import { coreSeconds, sparkWorkOf, type UnitLoad } from './unit-load.ts';

export interface TimeAndPrice {
  readonly seconds: number;
  /** 0 on this machine: nothing is rented. */
  readonly usd: number;
}

/** What the units of one stage take by each engine where the run is: in functions and on Glue, or in this process. Reckoned. */
export interface EngineTimes {
  readonly duckdb: (loads: readonly UnitLoad[]) => TimeAndPrice;
  readonly spark: (loads: readonly UnitLoad[]) => TimeAndPrice;
  /** Planning, audit, publishing. */
  readonly otherSeconds: number;
}

const none: TimeAndPrice = { seconds: 0, usd: 0 };

export function engineTimes<Config extends PipelineConfig>(
  context: Pick<RunContext<Config>, 'world' | 'config'>,
): EngineTimes {
  const { world, config } = context;
  const unlessNone = (reckon: (loads: readonly UnitLoad[]) => TimeAndPrice) => (loads: readonly UnitLoad[]) =>
    loads.length === 0 ? none : reckon(loads);
  if (world.spark === 'glue') {
    const functions = functionsOf(config);
    const job = glueSettings(config);
    return {
      duckdb: unlessNone((loads) => functionsEstimate(loads, functions)),
      spark: unlessNone((loads) => sparkEstimate(sparkWorkOf(loads), job)),
      otherSeconds: 120,
    };
  }
  const threads = config.work.threads ?? world.resources.threads;
  const { startSeconds } = engineModel().spark;
  return {
    duckdb: unlessNone((loads) => {
      const longest = loads.reduce((most, load) => Math.max(most, coreSeconds([load], 'duckdb')), 0);
      return { seconds: Math.max(longest, coreSeconds(loads, 'duckdb') / threads), usd: 0 };
    }),
    spark: unlessNone((loads) => {
      const { coreSeconds: work, warmUpSeconds } = sparkWorkOf(loads);
      return { seconds: startSeconds + (work + warmUpSeconds) / threads, usd: 0 };
    }),
    otherSeconds: 2,
  };
}
