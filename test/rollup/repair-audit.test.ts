import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WriteParquetOptions } from '../../lib/engine/engine.ts';
import { rollupWorkload } from '../../lib/rollup/index.ts';
import { runContext } from '../../lib/run/context.ts';
import { planOfRun } from '../../lib/run/local/local.ts';
import { rollUpTo } from './checks.ts';
import { openRollup } from './product.ts';
import { repair } from './repair.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';
import { givenBack, type Stage, spoiledEngine } from './spoiled.ts';

const rules = {
  ...threeBatches.rules,
  resolutionsMs: [60_000, 300_000, 900_000],
  quantiles: { accuracyMillionths: 10_000, millionths: [500_000] },
};
const second = batchOf(1, [pointAt(280, 8), pointAt(310, 2), pointAt(400, 4, 'disk'), pointAt(590, 3)]);

interface Spoiling {
  /** `data` stands for data files. */
  readonly file: 'data' | 'hot' | 'tails' | 'part';
  /** Whose rows they are; data files only. */
  readonly resolution?: number;
  /** SQL over the relation `rows`. */
  readonly sql: string;
}

/** Two batches, and points to repair a closed and an open window with. */
async function openStage(): Promise<Stage> {
  let armed: Spoiling | undefined;
  const spoilt = (options: WriteParquetOptions): WriteParquetOptions => {
    if (armed === undefined) return options;
    const isOfResolution = options.select.includes(`/resolution=${armed.resolution}/`);
    const fits =
      armed.file === 'data'
        ? options.fieldIds !== undefined && isOfResolution
        : options.path.endsWith(`/${armed.file}.parquet`);
    return fits ? { ...options, select: `WITH rows AS (${options.select}) ${armed.sql}` } : options;
  };
  const product = await openRollup({ rules, seed: 3, engine: spoiledEngine(spoilt) });
  await rollUpTo(product, [threeBatches.batches[0], second]);
  const points = [pointAt(65, 4), pointAt(130, 7), pointAt(525, 6), pointAt(610, 9)];
  return {
    product,
    play: async (spoiling) => {
      armed = spoiling;
      const outcome = await repair(product, { lateFrom: undefined, points });
      armed = undefined;
      return await givenBack(product, outcome);
    },
  };
}

test('a clean repair passes every check, each has looked at something, and it can be verified afterwards', async () => {
  const { product, play } = await openStage();
  await using _ = product;
  const { run } = await play();
  expect(run?.error).toBeUndefined();
  const checks = run?.facts['auditChecks'] as readonly { name: string; passed: boolean; checked: number }[];
  expect(checks.filter((check) => !check.passed)).toEqual([]);
  expect(checks.filter(({ checked }) => checked === 0).map(({ name }) => name)).toEqual(['carried state']);
  if (run === undefined) throw new Error('no run');
  const { world, config } = product;
  const plan = await planOfRun(world, run);
  if (plan === undefined) throw new Error('no plan');
  const context = runContext({ world, run, config, signal: new AbortController().signal, parallelUnits: 1 });
  expect(await rollupWorkload.verifyRun(context, plan, { sampleSize: 10 })).toMatchObject({ passed: true });
});

const data = (resolution: number, sql: string): Spoiling => ({ file: 'data', resolution, sql });
const order = 'ORDER BY metric_shard_id, id, window_ts';
const which = (least: 'min' | 'max', id: string) =>
  `(id = '${id}' AND window_ts = (SELECT ${least}(window_ts) FROM rows WHERE id = '${id}'))`;
const changed = (resolution: number, column: string, value: string, where = which('min', 'cpu')) =>
  data(
    resolution,
    `SELECT * REPLACE (CASE WHEN ${where} THEN ${value} ELSE ${column} END AS ${column}) FROM rows ${order}`,
  );

const touchedRow = "(id = 'cpu' AND last_value = 5)";
/** Of a window with several values a middle one, which leaves its least and its greatest where they are. */
const nextBucket =
  'list_transform(sketch_buckets, lambda one, place: one + CASE WHEN place = 2 THEN 1 ELSE 0 END)';

const tamperings: readonly (readonly [string, RegExp, Spoiling])[] = [
  [
    'a row of another series',
    /carried rows: rows of other series/,
    changed(60_000, '"sum"', '"sum" + 1', which('min', 'disk')),
  ],
  [
    'a lost row',
    /carried rows/,
    data(60_000, `SELECT * FROM rows WHERE NOT ${which('min', 'disk')} ${order}`),
  ],
  [
    'a row that is there twice',
    /unique windows: series cpu/,
    data(60_000, `SELECT * FROM rows UNION ALL SELECT * FROM rows WHERE ${which('min', 'cpu')} ${order}`),
  ],
  [
    'a count',
    /points of the windows/,
    changed(60_000, '"count"', '"count" + 1', "(id = 'cpu' AND last_value = 5)"),
  ],
  [
    'an increase',
    /coarser windows/,
    changed(60_000, 'increase', 'increase + 1', "(id = 'cpu' AND last_value = 5)"),
  ],
  ['an increase of a coarser row', /coarser windows/, changed(300_000, 'increase', 'increase + 1')],
  [
    'resets of the next window',
    /coarser windows|sample/,
    changed(60_000, 'resets', 'resets + 1', "(id = 'cpu' AND last_value = 9)"),
  ],
  ['a coarser row that was forgotten', /coarser windows/, changed(300_000, '"count"', '"count" - 1')],
  [
    'labels',
    /sample: series cpu, row/,
    changed(60_000, 'org_id', "'else'", "(id = 'cpu' AND last_value = 5)"),
  ],
  [
    'an order',
    /sorted rows/,
    data(60_000, `SELECT * FROM rows ${order.replace('window_ts', 'window_ts DESC')}`),
  ],
  [
    'an open point',
    /sample: series cpu, open point/,
    {
      file: 'hot',
      sql: "SELECT * REPLACE (CASE WHEN id = 'cpu' THEN v + 1 ELSE v END AS v) FROM rows ORDER BY id, ts",
    },
  ],
  [
    'a tail',
    /sample: series cpu, tail/,
    {
      file: 'tails',
      sql: "SELECT * REPLACE (CASE WHEN id = 'cpu' THEN v + 1 ELSE v END AS v) FROM rows ORDER BY id",
    },
  ],
  [
    'a lost tail',
    /sample: series cpu, tail/,
    { file: 'tails', sql: "SELECT * FROM rows WHERE id <> 'cpu' ORDER BY id" },
  ],
  [
    'a count of a sketch',
    /points of the windows.*values in bucket|sketches: series cpu/,
    changed(60_000, 'sketch_counts', 'list_transform(sketch_counts, lambda one: one + 1)', touchedRow),
  ],
  [
    'a value in the next bucket',
    /points of the windows: .*values in bucket/,
    changed(60_000, 'sketch_buckets', nextBucket, touchedRow),
  ],
  [
    'a value of a coarser row in the next bucket',
    /coarser windows: .*values in bucket/,
    changed(300_000, 'sketch_buckets', nextBucket),
  ],
  [
    'an estimate that is a little off',
    /estimates: series cpu/,
    changed(60_000, 'p50', 'p50 + 0.001', touchedRow),
  ],
  [
    'a sketch of another series',
    /carried rows: rows of other series/,
    changed(60_000, 'p50', 'p50 + 1', which('min', 'disk')),
  ],
  [
    'a value of an open row in the next bucket',
    /coarser windows: .*values in bucket/,
    {
      file: 'part',
      sql: `SELECT * REPLACE (CASE WHEN id = 'cpu' THEN ${nextBucket.replaceAll('sketch_buckets', 'sk')} ELSE sk END AS sk) FROM rows ORDER BY resolution, id, w`,
    },
  ],
  [
    'an open row',
    /coarser windows/,
    {
      file: 'part',
      sql: "SELECT * REPLACE (CASE WHEN id = 'cpu' THEN n + 1 ELSE n END AS n) FROM rows ORDER BY resolution, id, w",
    },
  ],
];

describe('of a repair', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.product[Symbol.asyncDispose]());

  test.each(tamperings)('the audit refuses %s', async (_name, message, spoiling) => {
    const { run } = await stage.play(spoiling);
    expect(run?.status).toBe('failed');
    expect(run?.error?.name).toBe('IntegrityError');
    expect(run?.error?.message).toMatch(message);
  });
});
