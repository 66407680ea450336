import type { WriteParquetOptions } from '../../lib/engine/engine.ts';
import type { RunOutcome } from '../../lib/run/local.ts';
import { at, file, rules as simple } from '../oracle/rollup-example.ts';
import type { QuantileRules } from '../oracle/sketch-oracle.ts';
import { openRollup, type RollupProduct } from './product.ts';

const rules = { ...simple, resolutionsMs: [60, 300], batchMs: 600, latenessMs: 60, maxGapMs: 100_000 };
const series = ['a', 'b', 'c'];

/** Points every 25 ms, a reset now and then. */
function points(fromMs: number, toMs: number) {
  return series.flatMap((id, which) =>
    Array.from({ length: Math.floor((toMs - fromMs) / 25) }, (_, index) => {
      const timeMs = fromMs + index * 25;
      return at(timeMs, (timeMs % 240) + which * 1000, 'x', id);
    }),
  );
}
const batches = [
  { batch: 0, flush: false, files: [file(1, points(5, 595))] },
  // Two of the points are there again, and one is too late.
  {
    batch: 1,
    flush: false,
    files: [file(601, [...points(605, 1195), ...points(555, 605), ...points(30, 55)])],
  },
];

export interface Spoiling {
  /** Part of the path of the file to spoil; `data` stands for data files. */
  readonly file: 'data' | 'hot' | 'tails' | 'part';
  /** Whether its rows are of this resolution; data files only. */
  readonly resolution?: number;
  /** SQL over the relation `rows`. */
  readonly sql: string;
  readonly fieldIds?: boolean;
}

/** Plays both batches; while the second one works, one file is written as `spoiling` says. */
export async function play(
  spoiling?: Spoiling,
  quantiles?: QuantileRules,
): Promise<{ readonly product: RollupProduct; readonly outcome: RunOutcome }> {
  let isArmed = false;
  const spoilt = (options: WriteParquetOptions): WriteParquetOptions => {
    if (!isArmed || spoiling === undefined) return options;
    const isData = options.fieldIds !== undefined && options.path.endsWith('.parquet');
    const fits =
      spoiling.file === 'data'
        ? isData && options.select.includes(`CAST(${spoiling.resolution} AS BIGINT) AS resolution`)
        : options.path.endsWith(`/${spoiling.file}.parquet`);
    return fits ? { ...options, select: `WITH rows AS (${options.select}) ${spoiling.sql}` } : options;
  };
  const product = await openRollup({
    rules: { ...rules, quantiles },
    seed: 3,
    // Checks side by side; in the other tests they follow each other.
    threads: 2,
    engine: (engine) => ({
      open: async (options) => {
        const session = await engine.open(options);
        return { ...session, writeParquet: (written) => session.writeParquet(spoilt(written)) };
      },
    }),
  });
  let outcome: RunOutcome | undefined;
  for (const batch of batches) {
    await product.arrive(batch);
    isArmed = batch.batch === 1;
    outcome = await product.run(batch);
  }
  if (outcome === undefined) throw new Error('no batch was played');
  return { product, outcome };
}

export const data = (resolution: number, sql: string): Spoiling => ({ file: 'data', resolution, sql });
export const order = 'ORDER BY metric_shard_id, id, window_ts';
export const first = `(id = 'b' AND window_ts = (SELECT min(window_ts) FROM rows))`;
export const changed = (column: string, value: string) =>
  data(
    60,
    `SELECT * REPLACE (CASE WHEN ${first} THEN ${value} ELSE ${column} END AS ${column}) FROM rows ${order}`,
  );
