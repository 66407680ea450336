import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CorruptStateError, LeaseHeldError, LeaseLostError } from '../../lib/errors.ts';
import type { CheckpointRecord, Clock, IntakeItem, RunRecord, StateStore } from '../../lib/stores/ports.ts';

export interface OpenedState extends AsyncDisposable {
  readonly state: StateStore;
}

export const runRecord = (runId: string, change: Partial<RunRecord> = {}): RunRecord => ({
  runId,
  pipeline: 'p',
  status: 'claimed',
  attempt: 1,
  epoch: 1,
  branch: 'main',
  createdMs: 1,
  updatedMs: 1,
  endedMs: undefined,
  error: undefined,
  facts: {},
  ...change,
});

export const checkpoint = (
  runId: string,
  unit: string,
  change: Partial<CheckpointRecord> = {},
): CheckpointRecord => ({
  runId,
  stage: 'apply',
  unit,
  attempt: 1,
  location: 'file:///one',
  digest: 'd',
  startedMs: 1.5,
  endedMs: 2,
  rows: 3,
  bytes: 4,
  ...change,
});

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function inBatches(count: number, action: (n: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, count - from) }, (_, offset) => action(from + offset)),
    );
}

/** What every state store promises, whatever is below it. */
export function stateStoreContract(name: string, open: (clock: Clock) => Promise<OpenedState>): void {
  describe(`${name}, as a state store`, () => {
    let opened: OpenedState;
    let state: StateStore;
    let now = 1_000;
    beforeAll(async () => {
      opened = await open({ now: () => now });
      state = opened.state;
    });
    afterAll(() => opened[Symbol.asyncDispose]());

    const arrival = (pipeline: string, location: string, version: string, sequencer: string) => ({
      pipeline,
      feed: 'records',
      location,
      version,
      sizeBytes: 1,
      sequencer,
      arrivedMs: now,
    });
    const items = (pipeline: string, filter = {}): Promise<IntakeItem[]> =>
      collect(state.intake.list(pipeline, filter));

    describe('intake', () => {
      test('a thousand deliveries of one version are one item, also when twenty come at once', async () => {
        const recorded: boolean[] = [];
        await inBatches(1_000, async () => {
          recorded.push(await state.intake.record(arrival('once', 'file:///a', 'v1', '01')));
        });
        expect(recorded.filter(Boolean)).toHaveLength(1);
        expect(await items('once')).toHaveLength(1);
      });

      test('an item is listed as it was recorded', async () => {
        const name = `s3://b/${'k'.repeat(1_000)}/%2F ü"'\n#`;
        const item = { ...arrival('as-is', name, '"etag"', '0055'), sizeBytes: 5e12, arrivedMs: 1_234.5 };
        await state.intake.record(item);
        const recorded = { ...item, status: 'pending', runId: undefined, reason: undefined };
        expect(await items('as-is')).toEqual([recorded]);
        expect(await state.intake.versions('as-is', name)).toEqual([recorded]);
      });

      test('a copy under another name is new data, and pipelines do not see each other’s', async () => {
        await state.intake.record(arrival('copy', 'file:///a', 'v1', '01'));
        expect(await state.intake.record(arrival('copy', 'file:///b', 'v1', '01'))).toBe(true);
        expect(await state.intake.record(arrival('copy-2', 'file:///a', 'v1', '01'))).toBe(true);
        expect(await items('copy')).toHaveLength(2);
      });

      test('the newest version of a key is pending, whatever the order of arrival, also at the same time', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 6 }),
            fc.uuid(),
            fc.boolean(),
            async (order, key, atOnce) => {
              const location = `file:///${key}`;
              const record = (n: number) =>
                state.intake.record(arrival('order', location, `v${n}`, n.toString(16).padStart(4, '0')));
              if (atOnce) await Promise.all(order.map(record));
              else for (const n of order) await record(n);
              const versions = await state.intake.versions('order', location);
              const pending = versions.filter((item) => item.status === 'pending');
              expect(pending.map((item) => item.version)).toEqual([`v${Math.max(...order)}`]);
              const listed = (await items('order', { status: 'pending' })).filter(
                (item) => item.location === location,
              );
              expect(listed).toEqual(pending);
            },
          ),
          { numRuns: 30 },
        );
      });

      test('a claim is exclusive, oldest first, and idempotent for its run', async () => {
        for (const n of [1, 2, 3]) {
          now += 1;
          await state.intake.record(arrival('claim', `file:///${n}`, 'v', '01'));
        }
        expect(await state.intake.claim('claim', 'run-1', 2)).toBe(2);
        expect(await state.intake.claim('claim', 'run-1', 2)).toBe(2);
        expect(await state.intake.claim('claim', 'run-2', 10)).toBe(1);
        expect((await items('claim', { runId: 'run-1' })).map((item) => item.location).sort()).toEqual([
          'file:///1',
          'file:///2',
        ]);
        expect(await items('claim', { status: 'pending' })).toEqual([]);
        expect(await state.intake.release('run-1')).toBe(2);
        expect(await items('claim', { status: 'pending' })).toHaveLength(2);
        expect(await items('claim', { runId: 'run-1' })).toEqual([]);
      });

      test('runs that claim at the same time share no item and leave none', async () => {
        await inBatches(60, (n) => state.intake.record(arrival('share', `file:///${n}`, 'v', '01')));
        const runs = ['share-1', 'share-2', 'share-3', 'share-4', 'share-5'];
        const held = await Promise.all(runs.map((run) => state.intake.claim('share', run, 100)));
        expect(held.reduce((sum, count) => sum + count, 0)).toBe(60);
        const claimed = await items('share', { status: 'claimed' });
        expect(claimed).toHaveLength(60);
        for (const [index, run] of runs.entries())
          expect(await items('share', { runId: run })).toHaveLength(held[index] ?? -1);
      });

      test('a run settles what it holds and nothing else', async () => {
        const locations = ['done', 'bad', 'back', 'other'].map((one) => `file:///settle/${one}`);
        const [done = '', bad = '', back = '', other = ''] = locations;
        for (const location of [done, bad, back])
          await state.intake.record(arrival('settle', location, 'v', '01'));
        await state.intake.claim('settle', 'settle-1', 10);
        await state.intake.record(arrival('settle', other, 'v', '01'));
        await state.intake.claim('settle', 'settle-2', 10);
        await state.intake.settle('settle-1', [
          { location: done, version: 'v', status: 'done' },
          { location: bad, version: 'v', status: 'quarantined', reason: 'it is poison' },
          { location: back, version: 'v', status: 'pending' },
          { location: other, version: 'v', status: 'done' },
        ]);
        const byLocation = new Map((await items('settle')).map((item) => [item.location, item]));
        expect(byLocation.get(done)).toMatchObject({ status: 'done', runId: 'settle-1', reason: undefined });
        expect(byLocation.get(bad)).toMatchObject({ status: 'quarantined', reason: 'it is poison' });
        expect(byLocation.get(back)).toMatchObject({ status: 'pending', runId: undefined });
        expect(byLocation.get(other)).toMatchObject({ status: 'claimed', runId: 'settle-2' });
        expect(await state.intake.release('settle-1')).toBe(0);
        expect(await items('settle', { runId: 'settle-1' })).toHaveLength(2);
        expect((await items('settle', { status: 'pending' })).map((item) => item.location)).toEqual([back]);
      });

      test('what a run has settled can be taken from it again, one by one, and waits for the next run', async () => {
        for (const name of ['done', 'bad', 'kept'])
          await state.intake.record(arrival('again', `file:///again/${name}`, 'v', '01'));
        await state.intake.claim('again', 'again-1', 10);
        const settle = (name: string, status: 'done' | 'quarantined' | 'pending') =>
          state.intake.settle('again-1', [{ location: `file:///again/${name}`, version: 'v', status }]);
        await settle('done', 'done');
        await settle('bad', 'quarantined');
        await settle('kept', 'done');
        await settle('done', 'pending');
        await settle('bad', 'pending');
        const waiting = (await items('again', { status: 'pending' })).map((item) => item.location).sort();
        expect(waiting).toEqual(['file:///again/bad', 'file:///again/done']);
        expect(await state.intake.claim('again', 'again-2', 10)).toBe(2);
        expect((await items('again', { runId: 'again-1' })).map((item) => item.location)).toEqual([
          'file:///again/kept',
        ]);
      });

      test('an older version neither beats one that is done nor takes its place', async () => {
        await state.intake.record(arrival('late', 'file:///x', 'v2', '02'));
        await state.intake.claim('late', 'late-1', 1);
        expect(await state.intake.record(arrival('late', 'file:///x', 'v1', '01'))).toBe(true);
        const versions = await state.intake.versions('late', 'file:///x');
        expect(versions.find((item) => item.version === 'v1')).toMatchObject({ status: 'superseded' });
        expect(versions.find((item) => item.version === 'v2')).toMatchObject({ status: 'claimed' });
      });
    });

    describe('runs', () => {
      test('a run is created once, however many try', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, n) => state.runs.create(runRecord('created', { attempt: n }))),
        );
        expect(outcomes.filter(Boolean)).toHaveLength(1);
        const winner = outcomes.indexOf(true);
        expect(await state.runs.get('created')).toEqual(runRecord('created', { attempt: winner }));
        expect(await state.runs.get('never')).toBeUndefined();
      });

      test('changes of one run at the same time are all kept', async () => {
        await state.runs.create(runRecord('changed'));
        now += 1;
        const error = { name: 'E', message: 'ü', next: 'x' };
        await Promise.all([
          state.runs.update('changed', { status: 'failed' }),
          state.runs.update('changed', { epoch: 7 }),
          state.runs.update('changed', { attempt: 3 }),
          state.runs.update('changed', { endedMs: 99.5, error }),
          state.runs.update('changed', { facts: { n: 1.25, deep: { list: [null, 'a', 2 ** 53] } } }),
        ]);
        const changed = { status: 'failed', epoch: 7, attempt: 3, endedMs: 99.5, error } as const;
        const facts = { n: 1.25, deep: { list: [null, 'a', 2 ** 53] } };
        expect(await state.runs.get('changed')).toEqual(
          runRecord('changed', { ...changed, facts, updatedMs: now }),
        );
        const cleared = await state.runs.update('changed', { endedMs: undefined, error: undefined });
        expect(cleared.error).toBeUndefined();
        expect((await state.runs.get('changed'))?.endedMs).toBeUndefined();
        await expect(state.runs.update('never', { epoch: 1 })).rejects.toThrow(CorruptStateError);
      });

      test('runs are listed newest first, of one pipeline or of all', async () => {
        await inBatches(250, (n) =>
          state.runs.create(
            runRecord(`listed-${n}`, { pipeline: n % 2 === 0 ? 'even' : 'odd', createdMs: 10 + n * 1_000 }),
          ),
        );
        const even = await state.runs.list('even');
        expect(even.map((run) => run.runId)).toEqual(
          Array.from({ length: 125 }, (_, n) => `listed-${248 - 2 * n}`),
        );
        expect((await state.runs.list(undefined, 3)).map((run) => run.runId)).toEqual([
          'listed-249',
          'listed-248',
          'listed-247',
        ]);
      });
    });

    describe('checkpoints', () => {
      test('of two attempts of a unit the first checkpoint stands', async () => {
        const first = checkpoint('r', 'u');
        expect(await state.checkpoints.put(first)).toEqual(first);
        const second = checkpoint('r', 'u', { attempt: 2, location: 'file:///two' });
        expect(await state.checkpoints.put(second)).toEqual(first);
        expect(await state.checkpoints.get('r', 'apply', 'u')).toEqual(first);
        expect(await state.checkpoints.get('r', 'resolve', 'u')).toBeUndefined();
        await state.checkpoints.remove('r', 'apply', 'u');
        expect(await state.checkpoints.put(second)).toEqual(second);
      });

      test('of twenty attempts at once all are told the same one', async () => {
        const told = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            state.checkpoints.put(checkpoint('race', 'u', { location: `file:///${n}` })),
          ),
        );
        expect(new Set(told.map((one) => one.location)).size).toBe(1);
        expect(await state.checkpoints.get('race', 'apply', 'u')).toEqual(told[0]);
      });

      test('checkpoints of thousands of units are listed in pages, by stage', async () => {
        await inBatches(2_500, (n) =>
          state.checkpoints.put(
            checkpoint('many', `u${n}`, {
              stage: n % 2 === 0 ? 'apply' : 'resolve',
              // As long as a real one: a page of DynamoDB ends at 1 MB.
              location: `file:///${'x'.repeat(600)}`,
              rows: 1,
            }),
          ),
        );
        const apply = await collect(state.checkpoints.list('many', 'apply'));
        const all = await collect(state.checkpoints.list('many'));
        expect(new Set(apply.map((record) => record.unit)).size).toBe(1_250);
        expect(new Set(all.map((record) => record.unit)).size).toBe(2_500);
        expect([apply.length, all.length, await state.checkpoints.count('many', 'resolve')]).toEqual([
          1_250, 2_500, 1_250,
        ]);
      });

      test('notes tell the last that is known of each attempt', async () => {
        const note = { runId: 'noted', stage: 'apply', unit: 'u', attempt: 1, startedMs: 1 };
        await state.checkpoints.note({ ...note, endedMs: undefined, error: undefined });
        await state.checkpoints.note({ ...note, endedMs: 2, error: 'E'.repeat(5_000) });
        await state.checkpoints.note({ ...note, attempt: 2, endedMs: undefined, error: undefined });
        expect(await collect(state.checkpoints.notes('noted'))).toEqual([
          { ...note, endedMs: 2, error: 'E'.repeat(2_000) },
          { ...note, attempt: 2, endedMs: undefined, error: undefined },
        ]);
      });
    });

    describe('leases', () => {
      test('a lease keeps others out until it lapses, and each acquisition raises the epoch', async () => {
        const first = await state.leases.acquire('p', 'run-1', 100);
        await expect(state.leases.acquire('p', 'run-2', 100)).rejects.toThrow(LeaseHeldError);
        now += 101;
        const second = await state.leases.acquire('p', 'run-2', 100);
        expect(second.epoch).toBe(first.epoch + 1);
        await expect(state.leases.renew(first, 100)).rejects.toThrow(LeaseLostError);
        await state.leases.release(first);
        expect((await state.leases.current('p'))?.holder).toBe('run-2');
        const renewed = await state.leases.renew(second, 500);
        expect(renewed).toEqual({ ...second, expiresMs: now + 500 });
        expect(await state.leases.current('p')).toEqual(renewed);
        await state.leases.release(second);
        expect(await state.leases.current('p')).toBeUndefined();
        expect((await state.leases.acquire('p', 'run-3', 100)).epoch).toBe(second.epoch + 1);
      });

      test('a run that crashed takes its own lease back at once', async () => {
        const before = await state.leases.acquire('own', 'run-1', 1_000_000);
        expect((await state.leases.acquire('own', 'run-1', 100)).epoch).toBe(before.epoch + 1);
      });

      test('of twenty that take over a lapsed lease one gets it', async () => {
        await state.leases.acquire('fought', 'dead', 100);
        now += 200;
        const outcomes = await Promise.allSettled(
          Array.from({ length: 20 }, (_, n) => state.leases.acquire('fought', `run-${n}`, 100)),
        );
        const winners = outcomes.filter((one) => one.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        expect(await state.leases.current('fought')).toEqual(winners[0]?.value);
        for (const one of outcomes)
          if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(LeaseHeldError);
      });

      test('a holder whose clock steps back does not shorten another one’s lease', async () => {
        const held = await state.leases.acquire('clock', 'run-1', 100);
        now -= 1_000;
        await expect(state.leases.acquire('clock', 'run-2', 100)).rejects.toThrow(LeaseHeldError);
        expect(await state.leases.current('clock')).toEqual(held);
        now += 1_000;
      });
    });
  });
}
