import { z } from 'zod';
import { awsSchema } from './aws-schema.ts';
import {
  byteSize,
  columnName,
  duration,
  limits,
  maintenance,
  pipelineName,
  source,
  sourceName,
  tableName,
} from './shared-schema.ts';
import { durationPattern, parseDurationMs } from './sizes.ts';

/** The schema of pipelines of kind `rollup`: points in batches, rows per resolution and window out. */

const positiveDuration = duration.refine(
  (text) => !durationPattern.test(text) || parseDurationMs(text) > 0,
  'longer than 0',
);

const label = z.strictObject({
  name: columnName,
  from: sourceName.optional(),
  type: z.enum(['string', 'int', 'bigint']).default('string'),
});

export const rollupSchema = z.strictObject({
  pipeline: pipelineName,
  kind: z.literal('rollup'),
  source: source.prefault({}),
  points: z
    .strictObject({
      /** Names the series that a point belongs to. */
      series: z
        .strictObject({
          name: columnName.default('id'),
          from: sourceName.optional(),
          type: z.enum(['string', 'int', 'bigint']).default('string'),
        })
        .prefault({}),
      /** Column of the source: a whole number since 1970 (`bigint`) or a timestamp in UTC. */
      time: z
        .strictObject({
          from: sourceName.default('logical_timestamp'),
          type: z.enum(['bigint', 'timestamp']).default('bigint'),
          /** What a `bigint` counts; default: `ms`. */
          unit: z.enum(['s', 'ms', 'us', 'ns']).optional(),
        })
        .prefault({}),
      /** Column of the source: a 64-bit integer. */
      value: z.strictObject({ from: sourceName.default('long_value') }).prefault({}),
      /** What rows are sorted by before the series. */
      shard: label
        .extend({
          name: columnName.default('metric_shard_id'),
          type: label.shape.type.unwrap().default('int'),
        })
        .prefault({}),
      /** Carried along, fixed per series by its first point. */
      labels: z.array(label).default([
        { name: 'org_id', type: 'string' },
        { name: 'metric', type: 'string' },
      ]),
    })
    .prefault({}),
  /** Lengths of the windows. */
  resolutions: z.array(positiveDuration).min(1).max(16).default(['1m', '5m', '1h']),
  batches: z.strictObject({
    /** Where batch 0 starts; batch b takes what arrives before start + (b + 1) × every. */
    start: z.iso.datetime({ offset: true, error: 'a time with its zone, such as 2026-01-01T00:00:00Z' }),
    every: positiveDuration.default('1h'),
  }),
  /** A window is published when the end of a batch lies this long behind it; null: by a flush only. */
  lateness: duration.nullable().default('15m'),
  /** Which of several points with the same series and time counts, by order of ingest. */
  duplicates: z.enum(['first', 'last']).default('last'),
  /** A point that comes later after its series' last one starts the series anew; null: never. */
  maxGap: positiveDuration.nullable().default('1d'),
  /** A point that lies further after the end of its batch goes to the dead letters; null: none does. */
  maxFuture: duration.nullable().default('1d'),
  /** Estimates of quantiles by DDSketch, and the sketches; null: none. */
  quantiles: z
    .strictObject({
      /** An estimate is off by this part of the true value at most; 0.001 to 0.1. */
      relativeAccuracy: z.number().min(0.001).max(0.1).default(0.01),
      /** One column each, such as p99 of 0.99. */
      values: z.array(z.number().min(0).max(1)).min(1).max(20).default([0.5, 0.95, 0.99]),
    })
    .nullable()
    .default(null),
  limits: limits.prefault({}),
  tables: z
    .strictObject({
      namespace: tableName.default('partwise'),
      /** Default: `<pipeline>_rollups`. */
      rollups: tableName.optional(),
      targetFileSize: byteSize.default('256 MB'),
    })
    .prefault({}),
  state: z
    .strictObject({
      /** Series are spread over so many parts by a hash of their name; a part without new points is carried over as it is. */
      parts: z.number().int().min(1).max(65_536).default(256),
      /** How long the state of a batch stays after its successor's; a replay needs the state before it. */
      keepFor: duration.default('7d'),
    })
    .prefault({}),
  work: z
    .strictObject({
      memory: byteSize.default('1.6 GB'),
      threads: z.number().int().min(1).optional(),
      /** Points that one unit takes at most, as far as the parts can be divided. */
      unitPoints: z.number().int().min(1).default(10_000_000),
      /** How long a batch is to take at most; decides what Spark runs, stops nothing. */
      deadline: duration.optional(),
      /** What runs the units. `auto`: DuckDB where a unit fits, or by `sparkAbove`. */
      engine: z.enum(['auto', 'duckdb', 'spark']).default('auto'),
      /** With `auto`, instead of its rule: a unit whose files are larger than this is run by Spark. */
      sparkAbove: byteSize.optional(),
      rowGroupRows: z.number().int().min(2_048).default(122_880),
    })
    .prefault({}),
  audit: z
    .strictObject({
      sampleSize: z.number().int().min(1).default(1_000),
      /** Points that one process audits; a batch of more is audited in units of so many. */
      unitPoints: z.number().int().min(1).default(50_000_000),
    })
    .prefault({}),
  maintenance: maintenance.prefault({}),
  resumeHorizon: duration.default('30d'),
  aws: awsSchema.prefault({}),
});

export type RollupConfig = z.output<typeof rollupSchema>;

/** What whole numbers of a time count since 1970. */
export type TimeUnit = NonNullable<RollupConfig['points']['time']['unit']>;
