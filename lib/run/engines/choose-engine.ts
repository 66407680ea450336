import type { PipelineConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';

interface ChosenEngine {
  readonly engine: 'duckdb' | 'spark';
  readonly reason: string;
}

export interface EngineChoice {
  readonly engine: 'auto' | 'duckdb' | 'spark';
  readonly sparkAbove?: string | undefined;
}

interface WithEngine {
  readonly work: Pick<PipelineConfig['work'], 'engine' | 'sparkAbove'>;
}

/** What the configuration alone decides; undefined where it leaves the choice. */
export function configuredEngine(
  { engine, sparkAbove }: EngineChoice,
  unitBytes: number,
): (ChosenEngine & { readonly cause: 'configured' | 'sparkAbove' }) | undefined {
  if (engine !== 'auto') return { engine, cause: 'configured', reason: 'configured' };
  if (sparkAbove === undefined) return undefined;
  const isAbove = unitBytes > parseByteSize(sparkAbove);
  return {
    engine: isAbove ? 'spark' : 'duckdb',
    cause: 'sparkAbove',
    reason: `${isAbove ? '' : 'not '}above work.sparkAbove (${sparkAbove})`,
  };
}

/** Engine of a unit that no model knows: DuckDB, unless the configuration says otherwise. */
export function chooseEngine({ work }: WithEngine, unitBytes: number): ChosenEngine {
  return configuredEngine(work, unitBytes) ?? { engine: 'duckdb', reason: 'by default' };
}

/** Whether any unit can be Spark's. */
export function mayUseSpark({ work }: WithEngine): boolean {
  return work.engine === 'spark' || (work.engine === 'auto' && work.sparkAbove !== undefined);
}
