import type { PipelineConfig } from './schema.ts';

/**
 * Whether a pipeline asks for Spark: for every unit, for large ones, or, by a section `aws.glue`, for those that turn out too
 * large for a function.
 */
export function asksForSpark(config: PipelineConfig): boolean {
  const { engine, sparkAbove } = engineChoice(config);
  if (engine === 'duckdb') return false;
  return engine === 'spark' || sparkAbove !== undefined || config.aws.glue !== undefined;
}

/** Which engine the pipeline names; kinds that do not know the choice are DuckDB's. */
export function engineChoice({ work }: PipelineConfig): {
  readonly engine: 'auto' | 'duckdb' | 'spark';
  readonly sparkAbove: string | undefined;
} {
  return 'engine' in work
    ? { engine: work.engine, sparkAbove: work.sparkAbove }
    : { engine: 'duckdb', sparkAbove: undefined };
}

/** What a run of Spark gets on AWS. */
export interface GlueSettings {
  /** undefined: by what the units take. */
  readonly workerType?: string | undefined;
  /** The most; fewer are taken where fewer are needed. */
  readonly workers: number;
  readonly timeout: string;
  /** Runs of the pipeline's at a time. */
  readonly concurrentRuns: number;
}

export const usualGlue: GlueSettings = { workers: 10, timeout: '4h', concurrentRuns: 4 };

export function glueSettings({ aws }: Pick<PipelineConfig, 'aws'>): GlueSettings {
  return { ...usualGlue, ...aws.glue };
}
