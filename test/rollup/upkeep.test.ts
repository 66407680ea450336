import { expect, test } from 'vitest';
import { currentSnapshot, liveFiles } from '../../lib/iceberg/index.ts';
import { newestBatch } from '../../lib/rollup/batch.ts';
import { maintainRollups } from '../../lib/rollup/maintain.ts';
import { readState } from '../../lib/rollup/state/state.ts';
import { cancelRun } from '../../lib/run/local/local.ts';
import { batchesOf, expectOracle, rollUpTo, tableOf } from './checks.ts';
import { failingStep } from './failing-step.ts';
import { branchOff, commitOf } from './other-writers.ts';
import { openRollup, type RollupProduct, type RollupProductOptions } from './product.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';

const { rules, batches } = threeBatches;
const [first, second, third] = batches;
const day = 86_400_000;
const quantiles = { accuracyMillionths: 10_000, millionths: [500_000, 999_000] };

test('a cell of many small files becomes one, sorted as before, by a commit that says nothing of batches', async () => {
  // A unit, and so a file of each cell, for each part that has some of the series.
  const document = { work: { unitPoints: 1 }, state: { parts: 5 } };
  await using product = await openRollup({ rules: { ...rules, quantiles }, document });
  const many = Array.from({ length: 5 }, (_, batch) =>
    batchOf(
      batch,
      Array.from({ length: 20 }, (_, series) =>
        pointAt(batch * 300 + 20 + series, batch - 2 * series, `s${series}`),
      ),
    ),
  );
  await rollUpTo(product, many.slice(0, 4));
  const before = await dataFiles(product);
  const lines = await maintainRollups(product.world, product.config, { parts: ['compact'] });
  expect(lines.join('\n')).toMatch(/compacted 2 cells/);
  const after = await dataFiles(product);
  expect(before.length).toBeGreaterThan(16);
  expect(after).toHaveLength(2);
  expect(after.every(({ file }) => file.sortOrderId === 1)).toBe(true);
  expect(currentSnapshot(await tableOf(product))?.summary).toMatchObject({ operation: 'replace' });
  expect((await batchesOf(product)).at(-1)).toBeUndefined();
  await expectOracle(product, many, 4);
  expect(await maintainRollups(product.world, product.config, { parts: ['compact'] })).toEqual([]);
  await rollUpTo(product, many.slice(4));
  await expectOracle(product, many);
});

test('expiry keeps the newest batch under other writers’ commits, and the next batch starts from it', async () => {
  await using product = await openAged({
    rules,
    document: { maintenance: { auto: false, keepSnapshots: 1 } },
  });
  await rollUpTo(product, [first, second]);
  await commitOf(product, {});
  product.age(8 * day);
  const lines = await maintainRollups(product.world, product.config, { parts: ['expire'] });
  expect(lines.join('\n')).toMatch(/expired 1 snapshot/);
  expect(await batchesOf(product)).toEqual(['1', undefined]);
  await rollUpTo(product, [third]);
  await expectOracle(product, batches);
});

test('a commit stays as long as its state, counted from the successor, so that a replay finds both', async () => {
  await using product = await openAged({
    rules,
    document: { maintenance: { auto: false, keepSnapshots: 1, expireAfter: '1h' } },
  });
  await rollUpTo(product, [first]);
  product.age(5 * day);
  await rollUpTo(product, [second]);
  product.age(5 * day);
  await maintainRollups(product.world, product.config, { apply: true });
  expect(await stateNames(product)).toHaveLength(2);
  expect(await batchesOf(product)).toEqual(['0', '1']);
  product.age(3 * day);
  await maintainRollups(product.world, product.config, { apply: true });
  expect(await stateNames(product)).toHaveLength(1);
  expect(await batchesOf(product)).toEqual(['1']);
});

test('states that have had a successor for long go; the newest stays, with the files it has from older ones', async () => {
  await using product = await openAged({ rules });
  await rollUpTo(product, batches);
  product.age(6 * day);
  expect(await orphans(product)).toEqual([]);
  expect(await stateNames(product)).toHaveLength(3);
  product.age(2 * day);
  expect((await orphans(product, false)).join('\n')).toMatch(/metrics_rollups_state: found/);
  expect(await stateNames(product)).toHaveLength(3);
  expect((await orphans(product)).join('\n')).toMatch(/metrics_rollups_state: deleted/);
  expect(await stateNames(product)).toHaveLength(1);
  await expectNewestStateWhole(product);
  const fourth = batchOf(3, [pointAt(930, 12), pointAt(1_000, 2, 'disk')]);
  await rollUpTo(product, [fourth]);
  await expectOracle(product, [...batches, fourth]);
});

test('a file beside a state that is in none goes once its run has ended and the grace is over', async () => {
  const stopper = failingStep();
  await using product = await openAged({ rules, step: stopper.step });
  await rollUpTo(product, [first]);
  await product.arrive(second);
  stopper.arm('before-checkpoint:rollup');
  const failed = await product.run(second);
  expect(failed.run?.status).toBe('failed');
  const folder = `${product.world.warehouse.root}/partwise/metrics_rollups_state/b00000001-${failed.run?.runId}`;
  const stray = `${folder}/hot-p0000-lost.parquet`;
  await product.world.warehouse.write(stray, new Uint8Array(9));
  product.age(4 * day);
  const held = await stateObjects(product);
  expect((await orphans(product)).join('\n')).not.toMatch(/_state/);
  expect(await stateObjects(product)).toEqual(held);
  expect((await product.run(second)).run?.status).toBe('succeeded');
  const all = await stateObjects(product);
  product.age(2 * day);
  expect((await orphans(product)).join('\n')).toMatch(/metrics_rollups_state: deleted 1 orphan file/);
  expect(await stateObjects(product)).toEqual(all.filter((location) => location !== stray));
  await expectNewestStateWhole(product);
  await rollUpTo(product, [third]);
  await expectOracle(product, batches);
});

test('what an unfinished run stands on stays, however old; so does the state of a branch', async () => {
  const stopper = failingStep();
  await using product = await openAged({ rules, step: stopper.step });
  await rollUpTo(product, [first]);
  await branchOff(product, 'check');
  await rollUpTo(product, [second]);
  await product.arrive(third);
  stopper.arm('before-swap');
  const failed = await product.run(third);
  expect(failed.run?.status).toBe('failed');
  product.age(20 * day);
  await maintainRollups(product.world, product.config, { apply: true });
  await expectNewestStateWhole(product, 'check');
  expect((await product.resume(failed.run?.runId ?? '')).run?.status).toBe('succeeded');
  await expectOracle(product, batches);
});

test('what a run that was given up had uploaded goes with the grace, and nothing of it was ever visible', async () => {
  const stopper = failingStep();
  await using product = await openAged({ rules, step: stopper.step });
  await rollUpTo(product, [first]);
  await product.arrive(second);
  stopper.arm('before-checkpoint:rollup');
  const runId = (await product.run(second)).run?.runId ?? '';
  const uploads = async () => {
    const found: string[] = [];
    for await (const { destination } of product.world.pending.list(product.world.warehouse.root))
      found.push(destination);
    return found;
  };
  expect(await uploads()).not.toEqual([]);
  expect(
    (await stateObjects(product)).filter((one) => /\.parquet$/.test(one) && one.includes(runId)),
  ).toEqual([]);
  product.age(4 * day);
  await orphans(product);
  expect(await uploads()).not.toEqual([]);
  await cancelRun({ world: product.world, runId });
  expect((await orphans(product)).join('\n')).toMatch(/cleared up after 1 run/);
  expect(await uploads()).toEqual([]);
  expect((await stateObjects(product)).filter((one) => one.includes(runId))).toEqual([]);
  await rollUpTo(product, [second, third]);
  await expectOracle(product, batches);
});

test('dead letters stay for the resume horizon', async () => {
  await using product = await openAged({ rules });
  await rollUpTo(product, batches);
  const letters = () => objects(product, 'metrics_rollups_dead_letters');
  const before = await letters();
  expect(before.length).toBeGreaterThan(0);
  product.age(29 * day);
  await orphans(product);
  expect(await letters()).toEqual(before);
  product.age(2 * day);
  expect((await orphans(product)).join('\n')).toMatch(/metrics_rollups_dead_letters: deleted/);
  expect(await letters()).toEqual([]);
});

interface AgedProduct extends RollupProduct {
  age(ms: number): void;
}

/** Files are as old as the disk says; the clock goes ahead of it. */
async function openAged(options: RollupProductOptions): Promise<AgedProduct> {
  let ahead = 0;
  const product = await openRollup({ ...options, clock: { now: () => Date.now() + ahead } });
  return {
    ...product,
    age: (ms) => {
      ahead += ms;
    },
  };
}

function orphans({ world, config }: RollupProduct, apply = true): Promise<readonly string[]> {
  return maintainRollups(world, config, { parts: ['orphans'], apply });
}

async function dataFiles(product: RollupProduct) {
  const table = await tableOf(product);
  const snapshotId = currentSnapshot(table)?.snapshotId;
  const found = [];
  for await (const scan of liveFiles({ store: product.world.warehouse, table, snapshotId })) found.push(scan);
  return found;
}

async function objects({ world }: RollupProduct, folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { location } of world.warehouse.list(`${world.warehouse.root}/partwise/${folder}/`))
    found.push(location);
  return found.sort();
}

function stateObjects(product: RollupProduct): Promise<readonly string[]> {
  return objects(product, 'metrics_rollups_state');
}

async function stateNames(product: RollupProduct): Promise<readonly string[]> {
  return (await stateObjects(product)).filter((location) => location.endsWith('.json'));
}

async function expectNewestStateWhole(product: RollupProduct, branch = 'main'): Promise<void> {
  const newest = newestBatch(await tableOf(product), branch);
  if (newest === undefined) throw new TypeError('no batch');
  const { hot, tails, part } = await readState(product.world.warehouse, newest);
  for (const { location, sizeBytes } of [...hot, ...tails, ...part])
    expect(await product.world.warehouse.head(location)).toMatchObject({ sizeBytes });
}
