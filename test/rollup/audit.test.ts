import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PinnedSnapshotExpiredError } from '../../lib/errors.ts';
import { rollupWorkload } from '../../lib/rollup/index.ts';
import { runContext } from '../../lib/run/context.ts';
import { planOfRun, type RunOutcome } from '../../lib/run/local/local.ts';
import type { RollupProduct } from './product.ts';
import { changed, data, first, openStage, order, play, type Spoiling, type Stage } from './spoiled.ts';

test('a clean batch passes every check, and each has looked at something', { timeout: 60_000 }, async () => {
  const { product, outcome } = await play();
  await using _ = product;
  expect(outcome.run?.error).toBeUndefined();
  const checks = outcome.run?.facts['auditChecks'] as readonly {
    name: string;
    passed: boolean;
    checked: number;
  }[];
  expect(checks.filter((check) => !check.passed)).toEqual([]);
  expect(checks.filter(({ checked }) => checked === 0).map(({ name }) => name)).toEqual(['carried state']);
});

const tamperings: readonly (readonly [string, RegExp, Spoiling])[] = [
  [
    'a count that is off by one',
    /points are conserved: resolution 300: count/,
    changed('"count"', '"count" + 1'),
  ],
  [
    'a dropped row',
    /points are conserved: resolution 300: count/,
    data(60, `SELECT * FROM rows WHERE NOT ${first} ${order}`),
  ],
  [
    'a row that is there twice',
    /sorted rows: published, row/,
    data(60, `SELECT * FROM rows UNION ALL SELECT * FROM rows WHERE ${first} ${order}`),
  ],
  [
    'rows out of order',
    /sorted rows: published, row/,
    data(60, 'SELECT * FROM rows ORDER BY id DESC, window_ts'),
  ],
  [
    'a row in the wrong bucket',
    /partitions: .*series b, resolution 60/,
    changed('window_bucket', 'window_bucket + 1'),
  ],
  ['a row of another resolution', /partitions/, changed('resolution', '300')],
  [
    'a window off its edge',
    /aligned windows: series b/,
    changed('window_ts', 'window_ts + INTERVAL 1 MILLISECOND'),
  ],
  ['a wrong sum', /sums are conserved: resolution 300/, changed('"sum"', '"sum" + 1')],
  ['a wrong increase', /increase is conserved: resolution 300/, changed('increase', 'increase + 1')],
  ['a wrong reset', /increase is conserved: resolution 300: resets/, changed('resets', 'resets + 1')],
  ['a minimum below every point', /bounds: resolution 60/, changed('"min"', '-5')],
  ['a maximum below the minimum', /row values: series b/, changed('"max"', '"min" - 1')],
  ['a changed first value', /sample: series b, row/, changed('first_value', '"max"')],
  ['a changed label', /sample: series b, row/, changed('org_id', `'y'`)],
  [
    'a window that was published before',
    /published once: series b, resolution 60, window 60: expected a window after 540/,
    changed('window_ts', 'epoch_ms(60)'),
  ],
  [
    'a wrong type',
    /data files: .*columns: expected .*count BIGINT #/,
    data(60, `SELECT * REPLACE (CAST("count" AS INTEGER) AS "count") FROM rows ${order}`),
  ],
  [
    'a missing open point',
    /points are conserved|points without duplicates/,
    {
      file: 'hot',
      sql: `SELECT * FROM rows WHERE id <> 'b' OR ts > (SELECT min(ts) FROM rows) ORDER BY id, ts`,
    },
  ],
  [
    'an open point below what is closed',
    /state rows: hot .*series b/,
    {
      file: 'hot',
      sql: `SELECT * REPLACE (CASE WHEN id = 'b' THEN ts - 600 ELSE ts END AS ts) FROM rows ORDER BY id, ts`,
    },
  ],
  [
    'a changed tail',
    /sample: series b, tail/,
    {
      file: 'tails',
      sql: `SELECT * REPLACE (CASE WHEN id = 'b' THEN v + 1 ELSE v END AS v) FROM rows ORDER BY id`,
    },
  ],
  [
    'a missing tail',
    /sample: series b, tail/,
    { file: 'tails', sql: `SELECT * FROM rows WHERE id <> 'b' ORDER BY id` },
  ],
  [
    'a series with two tails',
    /state rows: tails_after, row/,
    { file: 'tails', sql: 'SELECT * FROM rows UNION ALL SELECT * FROM rows ORDER BY id' },
  ],
  [
    'a wrong open window',
    /increase is conserved/,
    {
      file: 'part',
      sql: 'SELECT * REPLACE (CAST(inc + 1 AS DECIMAL(38,0)) AS inc) FROM rows ORDER BY resolution, id, w',
    },
  ],
  [
    'an open window off its edge',
    /state rows: part/,
    { file: 'part', sql: 'SELECT * REPLACE (w + 1 AS w) FROM rows ORDER BY resolution, id, w' },
  ],
];

describe('of a batch', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.product[Symbol.asyncDispose]());

  test.each(tamperings)('%s is refused', { timeout: 60_000 }, async (_name, expected, spoiling) => {
    const { run } = await stage.play(spoiling);
    expect(run?.error).toMatchObject({ name: 'IntegrityError' });
    expect(JSON.stringify(run?.error)).toMatch(expected);
    expect((await stage.product.rows()).every(({ windowMs }) => windowMs <= 540)).toBe(true);
  });
});

async function context(product: RollupProduct, { run }: RunOutcome) {
  if (run === undefined) throw new Error('there was no run');
  const plan = await planOfRun(product.world, run);
  if (plan === undefined) throw new Error('there is no plan');
  const { world, config } = product;
  return {
    plan,
    inRun: runContext({ world, run, config, signal: new AbortController().signal, parallelUnits: 1 }),
  };
}

test('a published batch and the whole table verify', { timeout: 60_000 }, async () => {
  const { product, outcome } = await play();
  await using _ = product;
  const { plan, inRun } = await context(product, outcome);
  const report = await rollupWorkload.verifyRun(inRun, plan, { sampleSize: 10_000 });
  expect(report.checks.filter((check) => !check.passed)).toEqual([]);
  expect(report.facts['sampledSeries']).toBe(3);
  const full = await rollupWorkload.verifyTables(product.world, product.config);
  expect(full.checks.filter((check) => !check.passed)).toEqual([]);
  expect(full.checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['coarser windows', 'unique windows', 'chain of batches']),
  );
});

test('a run whose prepared points are gone is refused by name, and the whole table still verifies', {
  timeout: 60_000,
}, async () => {
  const { product, outcome } = await play();
  await using _ = product;
  const { plan, inRun } = await context(product, outcome);
  for await (const { location } of product.world.results.list(`${inRun.folder}/prepare/`))
    if (location.endsWith('rows.parquet')) await product.world.results.delete(location);
  await expect(rollupWorkload.verifyRun(inRun, plan, { sampleSize: 10 })).rejects.toThrow(
    PinnedSnapshotExpiredError,
  );
  expect((await rollupWorkload.verifyTables(product.world, product.config)).passed).toBe(true);
});
