import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LeaseHeldError, LeaseLostError } from '../../lib/errors.ts';
import type { CheckpointRecord, IntakeItem, StateStore } from '../../lib/stores/ports.ts';
import { isNewerSequencer } from '../../lib/stores/sequencer.ts';
import { openSqliteState } from '../../lib/stores/sqlite-state.ts';

let folder: string;
let state: StateStore;
let now = 1_000;
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/partwise-state-`);
  state = await openSqliteState({ path: `${folder}/state.db`, clock: { now: () => now } });
});
afterAll(async () => {
  await state.close();
  await rm(folder, { recursive: true, force: true });
});

const arrival = (pipeline: string, location: string, version: string, sequencer: string) => ({
  pipeline,
  feed: 'records',
  location,
  version,
  sizeBytes: 1,
  sequencer,
  arrivedMs: now,
});
async function items(pipeline: string, filter = {}): Promise<IntakeItem[]> {
  const found: IntakeItem[] = [];
  for await (const item of state.intake.list(pipeline, filter)) found.push(item);
  return found;
}

test('a thousand deliveries of one version are one item', async () => {
  const recorded = [];
  for (let n = 0; n < 1_000; n += 1)
    recorded.push(await state.intake.record(arrival('once', 'file:///a', 'v1', '01')));
  expect(recorded.filter(Boolean)).toHaveLength(1);
  expect(await items('once')).toHaveLength(1);
});

test('a copy under another name is new data', async () => {
  await state.intake.record(arrival('copy', 'file:///a', 'v1', '01'));
  expect(await state.intake.record(arrival('copy', 'file:///b', 'v1', '01'))).toBe(true);
});

test('the newest version of a key is pending, whatever the order of arrival', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 6 }),
      fc.uuid(),
      async (order, key) => {
        for (const n of order)
          await state.intake.record(
            arrival('order', `file:///${key}`, `v${n}`, n.toString(16).padStart(4, '0')),
          );
        const pending = (await items('order', { status: 'pending' })).filter(
          (item) => item.location === `file:///${key}`,
        );
        expect(pending.map((item) => item.version)).toEqual([`v${Math.max(...order)}`]);
      },
    ),
    { numRuns: 30 },
  );
});

test('sequencers of different lengths compare as right-padded hexadecimal', () => {
  expect(isNewerSequencer('00', '001')).toBe(false);
  expect(isNewerSequencer('0a', '09F')).toBe(true);
  expect(isNewerSequencer('1', '10')).toBe(false);
});

test('a claim is exclusive, oldest first, and idempotent for its run', async () => {
  for (const n of [1, 2, 3]) {
    now += 1;
    await state.intake.record(arrival('claim', `file:///${n}`, 'v', '01'));
  }
  expect(await state.intake.claim('claim', 'run-1', 2)).toBe(2);
  expect(await state.intake.claim('claim', 'run-1', 2)).toBe(2);
  expect(await state.intake.claim('claim', 'run-2', 10)).toBe(1);
  expect((await items('claim', { runId: 'run-1' })).map((item) => item.location)).toEqual([
    'file:///1',
    'file:///2',
  ]);
  expect(await state.intake.release('run-1')).toBe(2);
  expect(await items('claim', { status: 'pending' })).toHaveLength(2);
});

test('of two attempts of a unit the first checkpoint stands', async () => {
  const record: CheckpointRecord = {
    runId: 'r',
    stage: 'apply',
    unit: 'u',
    attempt: 1,
    location: 'file:///one',
    digest: 'd',
    startedMs: 1,
    endedMs: 2,
    rows: 3,
    bytes: 4,
  };
  expect((await state.checkpoints.put(record)).location).toBe('file:///one');
  expect((await state.checkpoints.put({ ...record, attempt: 2, location: 'file:///two' })).location).toBe(
    'file:///one',
  );
});

test('checkpoints of thousands of units are listed in pages, by stage', async () => {
  for (let n = 0; n < 2_500; n += 1) {
    await state.checkpoints.put({
      runId: 'many',
      stage: n % 2 === 0 ? 'apply' : 'resolve',
      unit: `u${n}`,
      attempt: 1,
      location: 'l',
      digest: 'd',
      startedMs: 1,
      endedMs: 2,
      rows: 1,
      bytes: 1,
    });
  }
  let apply = 0;
  for await (const record of state.checkpoints.list('many', 'apply')) apply += record.rows;
  let all = 0;
  for await (const record of state.checkpoints.list('many')) all += record.rows;
  expect([apply, all, await state.checkpoints.count('many', 'resolve')]).toEqual([1_250, 2_500, 1_250]);
});

test('a lease keeps others out until it lapses, and each acquisition raises the epoch', async () => {
  const first = await state.leases.acquire('p', 'run-1', 100);
  await expect(state.leases.acquire('p', 'run-2', 100)).rejects.toThrow(LeaseHeldError);
  now += 101;
  const second = await state.leases.acquire('p', 'run-2', 100);
  expect(second.epoch).toBe(first.epoch + 1);
  await expect(state.leases.renew(first, 100)).rejects.toThrow(LeaseLostError);
  await state.leases.release(first);
  expect((await state.leases.current('p'))?.holder).toBe('run-2');
  await state.leases.release(second);
  expect(await state.leases.current('p')).toBeUndefined();
});

test('a run that crashed takes its own lease back at once', async () => {
  const before = await state.leases.acquire('own', 'run-1', 1_000_000);
  expect((await state.leases.acquire('own', 'run-1', 100)).epoch).toBe(before.epoch + 1);
});
