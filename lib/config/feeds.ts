import { UsageError } from '../errors.ts';
import type { PipelineConfig, RollupConfig, SummaryConfig } from './schema.ts';

/** Folder of the records or points below the staging root, without a trailing slash. */
export function sourcePrefix(config: Pick<PipelineConfig, 'source' | 'pipeline'>): string {
  return (config.source.prefix ?? config.pipeline).replace(/\/$/, '');
}

/** Folder of the deletions feed below the staging root, without a trailing slash; undefined when there is no such feed. */
export function feedPrefix(config: PipelineConfig): string | undefined {
  if (config.kind !== 'summary' || config.deletions === undefined) return undefined;
  return (config.deletions.prefix ?? `${config.pipeline}-deletions`).replace(/\/$/, '');
}

/** Name of the table of a pipeline of kind rollup; its state and dead letters lie beside it under names made from it. */
export function rollupTable({ pipeline, tables }: RollupConfig): string {
  return tables.rollups ?? `${pipeline.replaceAll('-', '_')}_rollups`;
}

/** For what only account summaries can do. @throws UsageError when the pipeline is of another kind */
export function summaryOnly(config: PipelineConfig, what: string): SummaryConfig {
  if (config.kind === 'summary') return config;
  throw new UsageError(`${what} is for pipelines of kind summary; ${config.pipeline} is a ${config.kind}`, {
    safe: 'nothing was changed',
  });
}
