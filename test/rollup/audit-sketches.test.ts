import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rollupWorkload } from '../../lib/rollup/index.ts';
import { rollUpTo } from './checks.ts';
import { openRollup } from './product.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';
import { changed, data, first, openStage, order, play, type Spoiling, type Stage } from './spoiled.ts';

const quantiles = { accuracyMillionths: 10_000, millionths: [500_000, 900_000, 999_000] };
const counted = (change: string) =>
  changed('sketch_counts', `list_prepend(sketch_counts[1] ${change}, sketch_counts[2:])`);
const part = (sql: string): Spoiling => ({
  file: 'part',
  sql: `SELECT * REPLACE (${sql}) FROM rows ORDER BY resolution, id, w`,
});

test('a clean batch with quantiles passes every check of them, and so does its table', {
  timeout: 60_000,
}, async () => {
  const { product, outcome } = await play(quantiles);
  await using _ = product;
  expect(outcome.run?.error).toBeUndefined();
  const checks = outcome.run?.facts['auditChecks'] as readonly { name: string; checked: number }[];
  for (const name of ['sketches', 'sketches are conserved'])
    expect(checks.find((check) => check.name === name)?.checked).toBeGreaterThan(20);
  const full = await rollupWorkload.verifyTables(product.world, product.config);
  expect(full.checks.filter((check) => !check.passed)).toEqual([]);
  expect(full.checks.find(({ name }) => name === 'estimates')?.checked).toBeGreaterThan(100);
});

test('estimates near the end of what a double holds are verified to the last bit', async () => {
  await using product = await openRollup({
    rules: { ...threeBatches.rules, quantiles: { accuracyMillionths: 1_000, millionths: [500_000] } },
  });
  const values = [-(2n ** 63n), 2n, 2n ** 63n - 1n];
  const points = values.map((value, at) => ({ ...pointAt(10 + at, 0), value }));
  await rollUpTo(product, [batchOf(0, points, { flush: true })]);
  const full = await rollupWorkload.verifyTables(product.world, product.config);
  expect(full.checks.filter((check) => !check.passed)).toEqual([]);
});

const tamperings: readonly (readonly [string, RegExp, Spoiling])[] = [
  ['a count that is off by one', /sketches: series b, .*expected a sketch of/, counted('+ 1')],
  [
    'a count of nothing',
    /sketches: series b/,
    changed('sketch_counts', 'list_prepend(0, sketch_counts[2:])'),
  ],
  [
    'a value moved to the next bucket',
    /sketches are conserved: bucket 350: expected one count at every resolution/,
    data(
      300,
      `SELECT * REPLACE (CASE WHEN ${first} THEN list_transform(sketch_counts, lambda one, place: CASE place WHEN 4 THEN one - 1 WHEN 5 THEN one + 1 ELSE one END)
        ELSE sketch_counts END AS sketch_counts) FROM rows ${order}`,
    ),
  ],
  [
    'all buckets one too far',
    /sketches: series b/,
    changed('sketch_buckets', 'list_transform(sketch_buckets, lambda one: one + 1)'),
  ],
  ['buckets out of order', /sketches: series b/, changed('sketch_buckets', 'list_reverse(sketch_buckets)')],
  ['no sketch', /sketches: series b/, changed('sketch_buckets', 'CAST(NULL AS INTEGER[])')],
  ['an estimate above the maximum', /sketches: series b/, changed('p99_9', '"max" + 1')],
  ['an estimate that is a little off', /sample: series b, row: .*estimates/, changed('p50', 'p50 + 0.001')],
  ['an estimate that is missing', /sketches: series b/, changed('p90', 'CAST(NULL AS DOUBLE)')],
  [
    'estimates in a column of another type',
    /data files: .*columns: expected .*p50 DOUBLE #/,
    data(60, `SELECT * REPLACE (CAST(p50 AS FLOAT) AS p50) FROM rows ${order}`),
  ],
  [
    'counts of another type',
    /data files: .*columns: expected .*element BIGINT #/,
    data(60, `SELECT * REPLACE (CAST(sketch_counts AS INTEGER[]) AS sketch_counts) FROM rows ${order}`),
  ],
  ['a wrong count in an open window', /sketches: series/, part('list_prepend(sc[1] + 1, sc[2:]) AS sc')],
  [
    'an open window whose sketch is of other values',
    /sketches: series/,
    part('list_transform(sk, lambda one: one - 1) AS sk'),
  ],
];

describe('of a batch', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(quantiles);
  });
  afterAll(() => stage.product[Symbol.asyncDispose]());

  test.each(tamperings)('%s is refused', { timeout: 60_000 }, async (_name, expected, spoiling) => {
    const { run } = await stage.play(spoiling);
    expect(run?.error).toMatchObject({ name: 'IntegrityError' });
    expect(JSON.stringify(run?.error)).toMatch(expected);
    expect((await stage.product.rows()).every(({ windowMs }) => windowMs <= 540)).toBe(true);
  });
});
