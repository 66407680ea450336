import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { AccessDeniedError, CorruptStateError, StoreUnavailableError } from '../../lib/errors.ts';
import { checkpoint, collect, runRecord } from '../contracts/state-store.ts';
import { type Fault, openFaultProxy, operationOf } from './faults.ts';
import { openTestState, testClients } from './world.ts';

const arrival = (location: string) => ({
  pipeline: 'p',
  feed: 'records',
  location,
  version: 'v',
  sizeBytes: 1,
  sequencer: '01',
  arrivedMs: 1,
});

async function faultyState(maxAttempts = 3) {
  const proxy = await openFaultProxy(inject('endpoints').dynamodb);
  const opened = await openTestState({ clock: { now: () => 1_000 }, endpoint: proxy.url, maxAttempts });
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  const strike = (fault: Fault, operation: string, times = 1) =>
    proxy.strike(fault, times, (asked) => operationOf(asked) === operation);
  return { ...opened, proxy, strike };
}

const lostReply = { kind: 'lost reply' } as const;

describe('a write to DynamoDB whose reply is lost', () => {
  it('records an arrival once and says that it was this one', async () => {
    const { state, proxy, strike } = await faultyState();
    strike(lostReply, 'TransactWriteItems');
    expect(await state.intake.record(arrival('s3://b/1'))).toBe(true);
    // Every answer of the second one is lost: only reading can tell.
    strike(lostReply, 'TransactWriteItems', 3);
    expect(await state.intake.record(arrival('s3://b/2'))).toBe(true);
    expect(await state.intake.record(arrival('s3://b/2'))).toBe(false);
    expect(proxy.left()).toBe(0);
    expect(await collect(state.intake.list('p', { status: 'pending' }))).toHaveLength(2);
  });

  it('claims each item once and counts it', async () => {
    const { state, proxy, strike } = await faultyState();
    for (const n of [1, 2, 3]) await state.intake.record(arrival(`s3://b/${n}`));
    strike(lostReply, 'TransactWriteItems', 2);
    expect(await state.intake.claim('p', 'run-1', 10)).toBe(3);
    expect(proxy.left()).toBe(0);
    expect(await collect(state.intake.list('p', { runId: 'run-1' }))).toHaveLength(3);
  });

  it('creates a run once and applies a change once', async () => {
    const { state, proxy, strike } = await faultyState();
    strike(lostReply, 'TransactWriteItems', 3);
    expect(await state.runs.create(runRecord('r'))).toBe(true);
    expect(await state.runs.create(runRecord('r'))).toBe(false);
    strike(lostReply, 'PutItem', 1);
    expect((await state.runs.update('r', { epoch: 5 })).epoch).toBe(5);
    strike(lostReply, 'PutItem', 3);
    expect((await state.runs.update('r', { epoch: 6 })).epoch).toBe(6);
    expect(proxy.left()).toBe(0);
    expect((await state.runs.get('r'))?.epoch).toBe(6);
  });

  it('takes its own checkpoint for the one that stands', async () => {
    const { state, proxy, strike } = await faultyState();
    strike(lostReply, 'PutItem');
    expect(await state.checkpoints.put(checkpoint('r', 'u'))).toEqual(checkpoint('r', 'u'));
    expect(proxy.left()).toBe(0);
  });

  it('holds a lease with the epoch that the table has, though it was raised twice', async () => {
    const { state, proxy, strike } = await faultyState();
    strike(lostReply, 'UpdateItem');
    const lease = await state.leases.acquire('l', 'run-1', 1_000);
    expect(proxy.left()).toBe(0);
    expect(await state.leases.current('l')).toEqual(lease);
    strike(lostReply, 'UpdateItem');
    await state.leases.release(lease);
    expect(await state.leases.current('l')).toBeUndefined();
  });
});

describe('DynamoDB that refuses', () => {
  it('is asked again while it throttles, a bounded number of times', async () => {
    const { state, proxy, strike } = await faultyState();
    const throttled = {
      kind: 'status',
      status: 400,
      code: 'ProvisionedThroughputExceededException',
    } as const;
    strike(throttled, 'TransactWriteItems', 2);
    expect(await state.intake.record(arrival('s3://b/1'))).toBe(true);
    strike(throttled, 'PutItem', 1_000);
    const before = proxy.seen.length;
    await expect(state.checkpoints.put(checkpoint('r', 'u'))).rejects.toThrow(StoreUnavailableError);
    expect(proxy.seen.length - before).toBe(3);
  });

  it('never reads denied as not found', async () => {
    const { state, strike } = await faultyState();
    const denied = { kind: 'status', status: 400, code: 'AccessDeniedException' } as const;
    for (const operation of ['GetItem', 'Query', 'UpdateItem', 'TransactWriteItems'])
      strike(denied, operation, 1_000);
    await expect(state.runs.get('r')).rejects.toThrow(AccessDeniedError);
    await expect(state.checkpoints.get('r', 's', 'u')).rejects.toThrow(AccessDeniedError);
    await expect(state.checkpoints.count('r')).rejects.toThrow(AccessDeniedError);
    await expect(state.leases.acquire('l', 'h', 1)).rejects.toThrow(AccessDeniedError);
    await expect(state.runs.create(runRecord('r'))).rejects.toThrow(AccessDeniedError);
  });
});

describe('the state table', () => {
  it('lets lapse what only a resume needs, after the horizon, and nothing else', async () => {
    const { state, table } = await faultyState();
    await state.intake.record(arrival('s3://b/1'));
    await state.intake.claim('p', 'r', 1);
    await state.runs.create(runRecord('r'));
    await state.leases.acquire('l', 'r', 1);
    await state.checkpoints.put(checkpoint('r', 'u'));
    await state.checkpoints.note({
      runId: 'r',
      stage: 's',
      unit: 'u',
      attempt: 1,
      startedMs: 1,
      endedMs: undefined,
      error: undefined,
    });
    using direct = testClients();
    const { Items = [] } = await direct.dynamodb.send(new ScanCommand({ TableName: table }));
    const kinds = (lapsing: boolean) =>
      [
        ...new Set(
          Items.filter((item) => (item['expiresAt'] !== undefined) === lapsing).map(
            (item) => item['pk']?.S?.split('#')[0],
          ),
        ),
      ].sort();
    expect(kinds(true)).toEqual(['checkpoint', 'note']);
    expect(kinds(false)).toEqual(['claim', 'intake', 'lease', 'run', 'runs']);
    for (const item of Items)
      if (item['expiresAt'] !== undefined) expect(item['expiresAt'].N).toBe(String(1 + 45 * 86_400));
    const sizes = Items.map((item) => JSON.stringify(item).length);
    expect(Math.max(...sizes)).toBeLessThan(1_000);
  });

  it('refuses facts that no item can hold by name, and leaves the run as it was', async () => {
    const { state } = await faultyState();
    await state.runs.create(runRecord('r'));
    const facts = { long: 'x'.repeat(400_000) };
    await expect(state.runs.update('r', { facts })).rejects.toThrow(CorruptStateError);
    expect(await state.runs.get('r')).toEqual(runRecord('r'));
  });
});
