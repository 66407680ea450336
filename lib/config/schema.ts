import { z } from 'zod';
import { type RollupConfig, rollupSchema } from './rollup-schema.ts';
import { type SummaryConfig, summarySchema } from './summary-schema.ts';

/**
 * The schema of `pipelines/*.yaml`. Strict everywhere: an unknown key is an error, so that a typing mistake
 * never silently means "default".
 */

export const pipelineSchemas = { summary: summarySchema, rollup: rollupSchema } as const;

/** One configured job, every default filled in. */
export type PipelineConfig = SummaryConfig | RollupConfig;

export const pipelineSchema = z.discriminatedUnion('kind', [summarySchema, rollupSchema]);

export type { RollupConfig } from './rollup-schema.ts';
export type { ColumnConfig, ColumnType, SummaryConfig } from './summary-schema.ts';
