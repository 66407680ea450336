import type { PipelineConfig } from '../config/schema.ts';
import { parseByteSize } from '../config/sizes.ts';

export interface ChosenEngine {
  readonly engine: 'duckdb' | 'spark';
  readonly reason: string;
}

interface WithEngine {
  readonly work: Pick<PipelineConfig['work'], 'engine' | 'sparkAbove'>;
}

/** Which engine runs a unit, by the configuration and the bytes of its files. */
export function chooseEngine({ work }: WithEngine, unitBytes: number): ChosenEngine {
  const { engine, sparkAbove } = work;
  if (engine !== 'auto') return { engine, reason: 'configured' };
  if (sparkAbove === undefined) return { engine: 'duckdb', reason: 'work.sparkAbove is not set' };
  return unitBytes > parseByteSize(sparkAbove)
    ? { engine: 'spark', reason: `above work.sparkAbove (${sparkAbove})` }
    : { engine: 'duckdb', reason: `not above work.sparkAbove (${sparkAbove})` };
}

/** Whether any unit can be Spark's. */
export function mayUseSpark({ work }: WithEngine): boolean {
  return work.engine === 'spark' || (work.engine === 'auto' && work.sparkAbove !== undefined);
}
