import { z } from 'zod';
import { awsSchema } from './aws-schema.ts';
import {
  byteSize,
  columnName,
  duration,
  feed,
  limits,
  maintenance,
  pipelineName,
  prefix,
  source,
  sourceName,
  tableName,
} from './shared-schema.ts';

/**
 * The schema of `pipelines/*.yaml`. Strict everywhere: an unknown key is an error, so that a typing mistake
 * never silently means "default".
 */

const monthText = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'YYYY-MM, in quotes');

const columnTypeNames =
  'boolean, int, bigint, double, string, date, timestamp, month, decimal(precision,scale)';

/** `month` is stored as text `YYYY-MM`; it accepts dates, timestamps, `YYYY-MM`, `YYYYMM` and `YYYY-MM-DD`. */
const columnType = z.union(
  [
    z.enum(['boolean', 'int', 'bigint', 'double', 'string', 'date', 'timestamp', 'month']),
    z.string().regex(/^decimal\(([1-9]|[12]\d|3[0-8]),\s?\d{1,2}\)$/, columnTypeNames),
  ],
  { error: `allowed: ${columnTypeNames}` },
);

const column = z.strictObject({
  name: columnName,
  /** Column of the source; default: the same name. */
  from: sourceName.optional(),
  type: columnType,
  /** A row with NULL here is quarantined. The key, month and version always are. */
  required: z.boolean().default(false),
  /** Values that mean "unknown": they become NULL before anything else sees them. */
  sentinels: z.array(z.union([z.number(), z.string()])).default([]),
});

const expression = z.strictObject({ column: columnName, sql: z.string().min(1) });
const derivedColumn = z.strictObject({ name: columnName, type: columnType, sql: z.string().min(1) });

const deletions = z.strictObject({
  /** Folder of the feed; default: the pipeline's name and `-deletions`. */
  prefix: prefix.optional(),
  ...feed,
  /** Columns of the feed. */
  key: sourceName,
  date: sourceName,
  code: sourceName,
  version: sourceName,
  /** Which date column of the records the feed may override, with the delete column. */
  overrides: columnName,
});

export const summarySchema = z.strictObject({
  pipeline: pipelineName,
  kind: z.literal('summary'),
  source: source.prefault({}),
  /** In the order of the tables. Columns of the source that are not listed are dropped and reported. */
  columns: z.array(column).min(3),
  key: columnName,
  month: columnName,
  version: columnName,
  tieBreaks: z.array(columnName).default([]),
  transformations: z.array(expression).default([]),
  derived: z.array(derivedColumn).default([]),
  /** Each makes the array column `<name>_history` of `from`'s type. */
  history: z.array(z.strictObject({ name: columnName, from: columnName.optional() })).min(1),
  grids: z
    .array(
      z.strictObject({
        name: columnName,
        /** Name of a history entry of string or integer type. */
        from: columnName,
        placeholder: z.string().default('?'),
        separator: z.string().default(''),
      }),
    )
    .default([]),
  historyLength: z.number().int().min(2).max(240).default(36),
  delete: z
    .strictObject({ column: columnName, codes: z.array(z.string()).min(1).default(['1', '4']) })
    .optional(),
  deletions: deletions.optional(),
  onStale: z.enum(['ignore', 'apply']).default('ignore'),
  acceptMonths: z
    .strictObject({ from: monthText.default('1970-01'), to: monthText.default('2199-12') })
    .prefault({}),
  limits: limits.prefault({}),
  tables: z
    .strictObject({
      namespace: tableName.default('partwise'),
      /** Defaults: `<pipeline>_summary`, `<pipeline>_latest`, `<pipeline>_tombstones` with - as _. */
      summary: tableName.optional(),
      latest: tableName.optional(),
      tombstones: tableName.optional(),
      /** Fixes N of bucket(N, key); otherwise chosen from expectedKeys when the tables are created. */
      buckets: z.number().int().min(1).max(65_536).optional(),
      /** Keys that the table will hold one day; default: four times the keys of the first run. */
      expectedKeys: z.number().int().min(1).optional(),
      targetFileSize: byteSize.default('256 MB'),
      /** How the summary's files pack their values; `auto`: `delta` unless a column is a double. */
      encoding: z.enum(['auto', 'plain', 'delta']).default('auto'),
    })
    .prefault({}),
  work: z
    .strictObject({
      strategy: z.enum(['auto', 'unified', 'partitionwise']).default('auto'),
      /** The old rule of thumb: partitionwise above so many records for months that are stored already. Off by default. */
      partitionwiseAbove: z.number().int().min(1).optional(),
      memory: byteSize.default('900 MB'),
      threads: z.number().int().min(1).optional(),
      unitBytes: byteSize.default('1 GB'),
      fromMonth: monthText.optional(),
      /** How long a run is to take at most; decides what Spark runs, stops nothing. */
      deadline: duration.optional(),
      /** What runs the units of `resolve` and `apply`. `auto`: DuckDB where a unit fits, or by `sparkAbove`. */
      engine: z.enum(['auto', 'duckdb', 'spark']).default('auto'),
      /** With `auto`, instead of its rule: a unit whose files are larger than this is run by Spark. */
      sparkAbove: byteSize.optional(),
      rewrite: z.enum(['auto', 'copy-on-write', 'merge-on-read']).default('auto'),
      maxDeadFraction: z.number().min(0).max(1).default(0.3),
      maxSmallFiles: z.number().int().min(1).default(8),
      rowGroupRows: z.number().int().min(2_048).default(10_240),
    })
    .prefault({}),
  audit: z.strictObject({ sampleSize: z.number().int().min(1).default(10_000) }).prefault({}),
  maintenance: maintenance.prefault({}),
  resumeHorizon: duration.default('30d'),
  aws: awsSchema.prefault({}),
});

/** One configured job, every default filled in. */
export type SummaryConfig = z.output<typeof summarySchema>;
export type ColumnConfig = SummaryConfig['columns'][number];
export type ColumnType = z.output<typeof columnType>;
