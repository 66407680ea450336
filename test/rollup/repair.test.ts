import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repairWindows } from '../../lib/cli/repair.ts';
import { replayBatches } from '../../lib/cli/replay.ts';
import { currentSnapshot } from '../../lib/iceberg/index.ts';
import { rollupWorkload } from '../../lib/rollup/index.ts';
import { maintainRollups } from '../../lib/rollup/maintain.ts';
import type { OracleBatch, OracleRepair } from '../oracle/rollup-oracle.ts';
import { batchesOf, rollUpTo, tableOf } from './checks.ts';
import { changeRows, rollBack } from './other-writers.ts';
import { openRollup, type RollupProduct } from './product.ts';
import { expectState, repair } from './repair.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';

const rules = { ...threeBatches.rules, resolutionsMs: [60_000, 300_000, 900_000] };
const quantiles = { accuracyMillionths: 10_000, millionths: [500_000, 990_000] };
const [first, second, third] = threeBatches.batches;
/** The second batch brings a point of the first minute, which is published by then. */
const late: OracleRepair = { lateFrom: 0, points: [] };
const also = (...points: OracleRepair['points']): OracleRepair => ({ lateFrom: undefined, points });

async function mended(product: RollupProduct, one: OracleRepair) {
  const { run } = await repair(product, one);
  expect(run?.error).toBeUndefined();
  expect(run?.status).toBe('succeeded');
  return run;
}

/** A unit, and so a file of each resolution, for each of the three parts of the series. */
const inUnits = { work: { unitPoints: 1 } };
/** Batches that leave enough small files for a compaction. */
const manyFiles = (from: number) =>
  [0, 1, 2].map((at) =>
    batchOf(
      from + at,
      ['cpu', 'disk', 'tape', 'a', 'b', 'c', 'd', 'e'].map((id) => pointAt(at * 300 + 650, at, id)),
    ),
  );

async function dataFilesOf(product: RollupProduct): Promise<number> {
  const head = currentSnapshot(await tableOf(product), 'main');
  return Number(head?.summary['total-data-files']);
}

const with_ = (batch: OracleBatch, ...repairs: readonly OracleRepair[]): OracleBatch => ({
  ...batch,
  repairs,
});

test('a late point is in every resolution and in what the next batch starts from', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  const one = also(pointAt(65, 4));
  await mended(product, one);
  await expectState(product, [first, with_(second, one)]);
  await rollUpTo(product, [third]);
  await expectState(product, [first, with_(second, one), third]);
});

describe.each(['first', 'last'] as const)('where the %s of several points counts', (duplicates) => {
  /** Published once for all cases, each of which repairs what the ones before it have left. */
  let product: RollupProduct;
  const repairs: OracleRepair[] = [];
  beforeAll(async () => {
    product = await openRollup({ rules: { ...rules, duplicates } });
    await rollUpTo(product, [first, second]);
  });
  afterAll(() => product[Symbol.asyncDispose]());

  test.each([
    ['what was too late, and more', { lateFrom: 1, points: [pointAt(20, 9), pointAt(21, 1)] }],
    ['first of its series', also(pointAt(5, 2))],
    ['newest of its series', also(pointAt(295, 10))],
    ['between two points', also(pointAt(40, 4))],
    ['a reset of what comes after it', also(pointAt(65, 100))],
    ['in a window of its own', also(pointAt(130, 7))],
    ['of a series that nobody knows', also(pointAt(130, 7, 'tape'))],
    ['of open windows', also(pointAt(600, 7), pointAt(620, 9, 'disk'), pointAt(700, 1, 'tape'))],
    ['there already', also(pointAt(70, 6), pointAt(20, 3, 'disk'))],
    [
      'many, in any order',
      also(pointAt(190, 7), pointAt(64, 4), pointAt(66, 1), pointAt(191, 2, 'disk'), pointAt(64, 3)),
    ],
  ] as const)('points are mended that are %s', async (_name, one) => {
    repairs.push(one);
    await mended(product, one);
    await expectState(product, [first, with_(second, ...repairs)]);
  });
});

test('a window is repaired again and again, with the points of earlier repairs', async () => {
  await using product = await openRollup({ rules });
  const [a, b, c] = [also(pointAt(65, 4)), also(pointAt(66, 9), pointAt(65, 5)), also(pointAt(64, 1))];
  await rollUpTo(product, [first, second]);
  await mended(product, a);
  await mended(product, b);
  await rollUpTo(product, [third]);
  await mended(product, c);
  await expectState(product, [first, with_(second, a, b), with_(third, c)]);
});

test('a gap ends what a point is added to, before the repair and after it', async () => {
  const gapped = { ...rules, maxGapMs: 100_000 };
  for (const seconds of [-200, 150, 190]) {
    await using product = await openRollup({ rules: gapped });
    const one = also(pointAt(seconds, 6), pointAt(seconds, 6, 'disk'));
    await rollUpTo(product, [first, second]);
    await mended(product, one);
    await expectState(product, [first, with_(second, one)]);
    await rollUpTo(product, [third]);
    await expectState(product, [first, with_(second, one), third]);
  }
});

test('the nearest points are found in windows, days and months far away', async () => {
  const day = 86_400;
  const far = { ...rules, resolutionsMs: [60_000, 3_600_000], latenessMs: 0, batchMs: 40 * day * 1_000 };
  const file = (batch: number, ...days: readonly number[]) => ({
    batch,
    flush: false,
    files: [
      {
        arrivedMs: far.startMs + batch * far.batchMs + 1,
        key: `f${batch}`,
        version: '1',
        points: days.flatMap((at, index) => [
          pointAt(at * day, index * 10 + batch),
          pointAt(at * day + 1, 5, 'disk'),
        ]),
      },
    ],
  });
  const [one, two, three] = [file(0, 1, 35), file(1, 75), file(2, 119)] as const;
  await using product = await openRollup({ rules: far });
  await rollUpTo(product, [one, two, three]);
  const points = [
    pointAt(20 * day, 4),
    pointAt(60 * day, 3),
    pointAt(100 * day, 50),
    pointAt(119.5 * day, 2),
  ];
  await mended(product, also(...points, pointAt(20 * day, 1, 'tape')));
  await expectState(product, [one, two, with_(three, also(...points, pointAt(20 * day, 1, 'tape')))]);
});

test('only files with changed rows are replaced, in one commit that is of the newest batch once more', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  const run = await mended(product, also(pointAt(65, 4)));
  expect(await batchesOf(product)).toEqual(['0', '1', '1']);
  const head = (await tableOf(product)).metadata.snapshots.at(-1);
  expect(head?.summary).toMatchObject({
    operation: 'overwrite',
    'partwise.repair': run?.runId,
    'added-data-files': '2',
    'deleted-data-files': '2',
  });
  expect(await rollupWorkload.verifyTables(product.world, product.config)).toMatchObject({ passed: true });
  await rollUpTo(product, [third]);
  expect(await rollupWorkload.verifyTables(product.world, product.config)).toMatchObject({ passed: true });
});

test('after a compaction the files that it left are rewritten, and upkeep leaves what a repair needs', async () => {
  await using product = await openRollup({
    rules,
    document: {
      ...inUnits,
      maintenance: { auto: false, keepSnapshots: 1 },
      tables: { targetFileSize: '1GB' },
    },
  });
  const more = manyFiles(2);
  const batches = [first, second, ...more];
  await rollUpTo(product, batches);
  const filesBefore = await dataFilesOf(product);
  await maintainRollups(product.world, product.config, { apply: true });
  expect(await dataFilesOf(product)).toBeLessThan(filesBefore);
  const one = also(pointAt(65, 4), pointAt(660, 3));
  await mended(product, one);
  await maintainRollups(product.world, product.config, { apply: true });
  const last = batches.pop() ?? first;
  await expectState(product, [...batches, with_(last, one)]);
});

test('dead letters are taken once, each by the batches that are asked for', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second, third]);
  const { world, config } = product;
  const shared = { world, config, also: [], dryRun: false };
  expect(await repairWindows({ ...shared, lateFrom: 2 })).toBeUndefined();
  const outcome = await repairWindows({ ...shared, lateFrom: 1 });
  expect(outcome?.run?.facts['repair']).toMatchObject({ points: { taken: 1 }, late: { from: 1, to: 2 } });
  expect(await repairWindows({ ...shared, lateFrom: 0 })).toBeUndefined();
  await expectState(product, [first, second, with_(third, { lateFrom: 1, points: [] })]);
});

test('a plan of a repair touches nothing and holds nothing', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  const before = await tableOf(product);
  const { world, config } = product;
  const planned = await repairWindows({ world, config, also: [], dryRun: true, lateFrom: 0 });
  expect(planned?.plan?.strategy).toBe('repair');
  expect(planned?.run?.status).toBe('cancelled');
  expect((await tableOf(product)).metadataLocation).toBe(before.metadataLocation);
  await rollUpTo(product, [third]);
  await mended(product, late);
  await expectState(product, [first, second, with_(third, late)]);
});

test('a replay that would be without a repair is refused by name; one from after it keeps it', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  await mended(product, late);
  await rollUpTo(product, [third]);
  const { world, config } = product;
  await expect(replayBatches({ world, config, from: 1, branch: 'again' })).rejects.toMatchObject({
    name: 'RepairRefusedError',
    next: expect.stringContaining('--from-batch 2'),
  });
  await replayBatches({ world, config, from: 2, branch: 'again' });
  await expectState(product, [first, with_(second, late), third]);
});

test('after a rollback behind a repair its dead letters wait again', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  await mended(product, late);
  await rollBack(product, 1);
  await mended(product, late);
  await expectState(product, [first, with_(second, late)]);
});

test('a repair waits for a batch that has not ended, and a batch finishes a repair that has not', async () => {
  let isArmed = '';
  await using product = await openRollup({
    rules,
    step: async (name) => {
      if (name === isArmed) {
        isArmed = '';
        throw new Error(`stopped at ${name}`);
      }
    },
  });
  await rollUpTo(product, [first, second]);
  await product.arrive(third);
  isArmed = 'before-swap';
  await product.run(third);
  await expect(repair(product, late)).rejects.toMatchObject({ name: 'UnfinishedBatchError' });
  await product.run(third);
  isArmed = 'state-written';
  await repair(product, late);
  const fourth = batchOf(3, [pointAt(930, 12)]);
  await product.arrive(fourth);
  const repaired = await product.run(fourth);
  expect(repaired.run?.facts['repair']).toMatchObject({ batch: 2 });
  expect((await product.run(fourth)).run?.facts['rollup']).toMatchObject({ batch: 3 });
  await expectState(product, [first, second, with_(third, late), fourth]);
});

test('windows that are not published one by one are refused by name', async () => {
  await using product = await openRollup({ rules: { ...rules, resolutionsMs: [60_000, 90_000] } });
  await rollUpTo(product, [first, second]);
  await expect(repair(product, late)).rejects.toMatchObject({
    name: 'RepairRefusedError',
    message: expect.stringContaining('windows of 30000 ms'),
  });
});

test('sketches and estimates of published and of open windows are those of all their points', async () => {
  for (const duplicates of ['first', 'last'] as const) {
    await using product = await openRollup({ rules: { ...rules, duplicates, quantiles } });
    const one = also(
      pointAt(65, 4),
      pointAt(10, 1_000),
      pointAt(11, -1_000),
      pointAt(130, 0),
      pointAt(600, 7),
    );
    await rollUpTo(product, [first, second]);
    await mended(product, one);
    await expectState(product, [first, with_(second, one)]);
    const another = also(pointAt(65, 8), pointAt(130, 5, 'tape'));
    await mended(product, another);
    await rollUpTo(product, [third]);
    await expectState(product, [first, with_(second, one, another), third]);
    expect(await rollupWorkload.verifyTables(product.world, product.config)).toMatchObject({ passed: true });
  }
});

test.each([
  [
    'a count',
    'sketch_counts',
    'list_transform(sketch_counts, lambda one: one + 1)',
    /points that are kept make/,
  ],
  [
    'a bucket',
    'sketch_buckets',
    'list_transform(sketch_buckets, lambda one: one + 1)',
    /points that are kept make/,
  ],
  ['an estimate', 'p50', 'p50 + 0.001', /is not what its values say/],
] as const)(
  '%s of a published sketch that somebody changed is found before anything is written',
  async (...[, column, value, message]) => {
    await using product = await openRollup({ rules: { ...rules, quantiles } });
    await rollUpTo(product, [first, second]);
    await changeRows(product, 60_000, { [column]: value });
    const before = await tableOf(product);
    const { run } = await repair(product, also(pointAt(65, 4)));
    expect(run?.error).toMatchObject({
      name: 'RepairRefusedError',
      message: expect.stringMatching(message),
    });
    expect((await tableOf(product)).metadataLocation).toBe(before.metadataLocation);
  },
);

test('a sketch of a coarser window that is not the sum of its finer ones is found', async () => {
  const least = { ...quantiles, millionths: [0] };
  await using product = await openRollup({ rules: { ...rules, quantiles: least } });
  await rollUpTo(product, [first, second]);
  const last = 'CASE WHEN place > 1 AND place = len(sketch_buckets) THEN 1 ELSE 0 END';
  await changeRows(product, 300_000, {
    sketch_buckets: `list_transform(sketch_buckets, lambda one, place: one + ${last})`,
  });
  const { run } = await repair(product, also(pointAt(65, 4)));
  expect(run?.error).toMatchObject({
    name: 'RepairRefusedError',
    message: expect.stringContaining('is not the merge of its rows of 60000 ms'),
  });
});

test('a compaction between plan and publish has the repair planned again', async () => {
  let isArmed = false;
  await using product = await openRollup({
    rules,
    document: { ...inUnits, maintenance: { auto: false }, tables: { targetFileSize: '1GB' } },
    step: async (name) => {
      if (name !== 'state-written' || !isArmed) return;
      isArmed = false;
      await maintainRollups(product.world, product.config, { apply: true, parts: ['compact'] });
    },
  });
  const more = manyFiles(2);
  const last = batchOf(5, [pointAt(1_600, 1)]);
  await rollUpTo(product, [first, second, ...more, last]);
  isArmed = true;
  const one = also(pointAt(65, 4), pointAt(660, 3));
  const run = await mended(product, one);
  expect(isArmed).toBe(false);
  expect(run?.facts['planGeneration']).toBe(1);
  await expectState(product, [first, second, ...more, with_(last, one)]);
});
