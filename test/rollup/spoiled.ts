import type { WriteParquetOptions } from '../../lib/engine/engine.ts';
import { cancelRun, type RunOutcome } from '../../lib/run/local/local.ts';
import { at, file, rules as simple } from '../oracle/rollup-example.ts';
import type { QuantileRules } from '../oracle/sketch-oracle.ts';
import { openRollup, type RollupProduct, type RollupProductOptions } from './product.ts';

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
] as const;

export interface Spoiling {
  /** Part of the path of the file to spoil; `data` stands for data files. */
  readonly file: 'data' | 'hot' | 'tails' | 'part';
  /** Whether its rows are of this resolution; data files only. */
  readonly resolution?: number;
  /** SQL over the relation `rows`. */
  readonly sql: string;
  readonly fieldIds?: boolean;
}

export interface Stage {
  readonly product: RollupProduct;
  /** Runs the second batch; one of its files is written as `spoiling` says. A run that fails gives everything back. */
  play(spoiling?: Spoiling): Promise<RunOutcome>;
}

/** A table with the first batch, where the second one waits. */
export async function openStage(quantiles?: QuantileRules): Promise<Stage> {
  let armed: Spoiling | undefined;
  const spoilt = (options: WriteParquetOptions): WriteParquetOptions => {
    if (armed === undefined) return options;
    const isData = options.fieldIds !== undefined && options.path.endsWith('.parquet');
    const fits =
      armed.file === 'data'
        ? isData && options.select.includes(`CAST(${armed.resolution} AS BIGINT) AS resolution`)
        : options.path.endsWith(`/${armed.file}.parquet`);
    return fits ? { ...options, select: `WITH rows AS (${options.select}) ${armed.sql}` } : options;
  };
  const product = await openRollup({
    rules: { ...rules, quantiles },
    seed: 3,
    // Checks side by side; in the other tests they follow each other.
    threads: 2,
    engine: spoiledEngine(spoilt),
  });
  const [one, two] = batches;
  await product.arrive(one);
  await product.run(one);
  await product.arrive(two);
  return {
    product,
    play: async (spoiling) => {
      armed = spoiling;
      const outcome = await product.run(two);
      armed = undefined;
      return await givenBack(product, outcome);
    },
  };
}

/** Stands before an engine whose files are written as `spoilt` says. */
export function spoiledEngine(
  spoilt: (options: WriteParquetOptions) => WriteParquetOptions,
): NonNullable<RollupProductOptions['engine']> {
  return (engine) => ({
    open: async (options) => {
      const session = await engine.open(options);
      return { ...session, writeParquet: (written) => session.writeParquet(spoilt(written)) };
    },
  });
}

/** A run that failed is cancelled, so that the next one begins where it began. */
export async function givenBack({ world }: RollupProduct, outcome: RunOutcome): Promise<RunOutcome> {
  if (outcome.run?.status === 'failed') await cancelRun({ world, runId: outcome.run.runId });
  return outcome;
}

/** Plays both batches, clean. */
export async function play(
  quantiles?: QuantileRules,
): Promise<{ readonly product: RollupProduct; readonly outcome: RunOutcome }> {
  const { product, play: playSecond } = await openStage(quantiles);
  return { product, outcome: await playSecond() };
}

export const data = (resolution: number, sql: string): Spoiling => ({ file: 'data', resolution, sql });
export const order = 'ORDER BY metric_shard_id, id, window_ts';
export const first = `(id = 'b' AND window_ts = (SELECT min(window_ts) FROM rows))`;
export const changed = (column: string, value: string) =>
  data(
    60,
    `SELECT * REPLACE (CASE WHEN ${first} THEN ${value} ELSE ${column} END AS ${column}) FROM rows ${order}`,
  );
