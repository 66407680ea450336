import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { giveUpBranch } from '../../lib/cli/branches.ts';
import { replayBatches } from '../../lib/cli/replay.ts';
import { newestBatch } from '../../lib/rollup/batch.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import { writePointFile } from '../generators/point-files.ts';
import type { OraclePoint } from '../oracle/rollup-oracle.ts';
import { expectOracle, rollUpTo, tableOf } from './checks.ts';
import { failingStep } from './failing-step.ts';
import { commitOf, rollBack } from './other-writers.ts';
import { openRollup, type RollupProduct } from './product.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';

const { rules, batches } = threeBatches;
const [first, second, third] = batches;
const fourth = batchOf(3, [pointAt(930, 12), pointAt(1_000, 2, 'disk')]);
const late = [pointAt(305, 50), pointAt(395, -4, 'disk')];
/** The named file counts as the last that arrived for its batch. */
const changed = {
  ...second,
  files: [
    ...second.files,
    { arrivedMs: rules.startMs + 2 * rules.batchMs - 1, key: 'late', version: '1', points: late },
  ],
};

test('a replay of which nothing has changed leaves the same rows, and the next batch follows it', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  const before = await product.rows();
  const { world, config } = product;
  expect(await replayBatches({ world, config, from: 1, branch: 'again' })).toMatchObject({
    failed: undefined,
    to: 2,
    newest: 2,
  });
  expect(await product.rows()).toEqual(before);
  const { refs, properties } = (await tableOf(product)).metadata;
  expect(Object.keys(refs).sort()).toEqual(['main', 'partwise-batch']);
  expect(refs['partwise-batch']?.snapshotId).toBe(refs['main']?.snapshotId);
  expect(Object.keys(properties).filter((key) => key.startsWith('partwise.replay'))).toEqual([]);
  await rollUpTo(product, [fourth]);
  await expectOracle(product, [...batches, fourth]);
});

test('runs that were replayed say by which', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  const { world, config } = product;
  const [old] = await world.state.runs.list('metrics', 1);
  await replayBatches({ world, config, from: 1, branch: 'again' });
  const [newest] = await world.state.runs.list('metrics', 1);
  expect((await world.state.runs.get(old?.runId ?? ''))?.facts['replacedBy']).toBe(newest?.runId);
});

test('after a rollback the batches that main lost are replayed from the files of their runs', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  await rollBack(product, 0);
  const { world, config } = product;
  await replayBatches({ world, config, from: 1, branch: 'again' });
  await expectOracle(product, batches);
  await rollUpTo(product, [fourth]);
  await expectOracle(product, [...batches, fourth]);
});

test('further points in an old batch give the rows of that history, also when it is replayed once more', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  const { world, config } = product;
  const waiting = batchOf(3, [pointAt(940, 1)], { key: 'waiting' });
  await product.arrive(waiting);
  const also = [await fileOf(product, 'late', late)];
  await replayBatches({ world, config, from: 1, branch: 'again', also });
  await expectOracle(product, [first, changed, third]);
  await replayBatches({ world, config, from: 0 + 1, branch: 'once-more' });
  await expectOracle(product, [first, changed, third]);
  await rollUpTo(product, [{ ...waiting, files: [] }]);
  await expectOracle(product, [first, changed, third, waiting]);
});

test('a replay up to an earlier batch says which batches main is without, and they follow by another replay', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  const { world, config } = product;
  expect(await replayBatches({ world, config, from: 1, to: 1, branch: 'part' })).toMatchObject({ newest: 2 });
  await expectOracle(product, batches, 2);
  await expect(product.run(fourth)).rejects.toMatchObject({ name: 'BatchOrderError' });
  await replayBatches({ world, config, from: 2, branch: 'rest' });
  await expectOracle(product, batches);
});

test('a replay is refused by name when the state before it is gone, or no commit of it is left', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  const { world, config } = product;
  await expect(replayBatches({ world, config, from: 0, branch: 'again' })).rejects.toMatchObject({
    name: 'PinnedSnapshotExpiredError',
  });
  const table = await tableOf(product);
  const base = table.metadata.snapshots.find((one) => one.summary['partwise.batch'] === '0');
  await world.warehouse.delete(base?.summary['partwise.state'] ?? '');
  await expect(replayBatches({ world, config, from: 1, branch: 'again' })).rejects.toMatchObject({
    name: 'PinnedSnapshotExpiredError',
    message: expect.stringContaining('the state of batch 0 is gone'),
  });
  await expectOracle(product, batches);
});

test('a replay without one of its files, or with another one in its place, fails and leaves main', async () => {
  await using product = await openRollup({ rules });
  const own = await fileOf(product, 'own', second.files[0]?.points ?? []);
  await rollUpTo(product, [first]);
  const { world, config } = product;
  const untilMs = rules.startMs + 2 * rules.batchMs;
  const arrivedMs = untilMs - 1;
  expect((await runPipeline({ world, config, paths: [own], untilMs, arrivedMs })).run?.status).toBe(
    'succeeded',
  );
  const before = await product.rows();
  await writeFile(own, 'something else');
  const changedFile = await replayBatches({ world, config, from: 1, branch: 'changed' });
  expect(changedFile.failed?.run?.error?.name).toBe('SourceChangedError');
  await rm(own);
  const goneFile = await replayBatches({ world, config, from: 1, branch: 'gone' });
  expect(goneFile.failed?.run?.status).toBe('failed');
  expect(await product.rows()).toEqual(before);
});

test('main does not become the branch when it has moved meanwhile; given up, all is as it was', async () => {
  let meddle = true;
  await using product: RollupProduct = await openRollup({
    rules,
    step: async (name) => {
      if (!meddle || name !== 'replay-published') return;
      meddle = false;
      await commitOf(product, {});
    },
  });
  await rollUpTo(product, batches);
  const { world, config } = product;
  const also = [await fileOf(product, 'late', late)];
  await expect(replayBatches({ world, config, from: 1, branch: 'again', also })).rejects.toMatchObject({
    name: 'CommitConflictError',
  });
  await expectOracle(product, batches);
  expect(await giveUpBranch({ world, config, branch: 'again' })).toBe(1);
  expect(Object.keys((await tableOf(product)).metadata.refs).sort()).toEqual(['main', 'partwise-batch']);
  await rollUpTo(product, [fourth]);
  expect(newestBatch(await tableOf(product), 'main')?.batch).toBe(3);
});

test.each([
  ['replay-opened', 1],
  ['claimed', 1],
  ['unit:prepare', 2],
  ['unit:rollup', 2],
  ['before-swap', 2],
  ['after-swap', 1],
  ['replay-published', 1],
] as const)('a replay that stops at %s (%i) goes on when it is given again', async (name, nth) => {
  const stopper = failingStep();
  await using product = await openRollup({ rules, step: stopper.step });
  await rollUpTo(product, batches);
  const { world, config } = product;
  const also = [await fileOf(product, 'late', late)];
  stopper.arm(name, nth);
  const stopped = await replayBatches({ world, config, from: 1, branch: 'again', also }).catch(
    () => undefined,
  );
  expect(stopper.fired).toBe(true);
  expect(stopped?.snapshotId).toBeUndefined();
  await expectOracle(product, batches);
  await replayBatches({ world, config, from: 1, branch: 'again', also });
  await expectOracle(product, [first, changed, third]);
  await rollUpTo(product, [fourth]);
  await expectOracle(product, [first, changed, third, fourth]);
});

test('a replay that stops after main has moved is done; the next run settles it', async () => {
  const stopper = failingStep();
  await using product = await openRollup({ rules, step: stopper.step });
  await rollUpTo(product, batches);
  const { world, config } = product;
  stopper.arm('switched');
  await expect(replayBatches({ world, config, from: 1, branch: 'again' })).rejects.toThrow('stopped');
  await expectOracle(product, batches);
  await rollUpTo(product, [fourth]);
  await expectOracle(product, [...batches, fourth]);
});

async function fileOf(product: RollupProduct, key: string, points: readonly OraclePoint[]): Promise<string> {
  const path = join(product.root, 'named', `${key}.parquet`);
  await writePointFile(path, { points, idType: 'string', timeType: 'timestamp', format: 'parquet', seed: 1 });
  return path;
}
