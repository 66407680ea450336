import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { mergeSorted } from '../merge-sorted.ts';
import type { IntakeItem, IntakeOutcome, IntakeStore } from '../ports.ts';
import { putPending, recordArrival } from './arrivals.ts';
import {
  claimKey,
  claimPartition,
  type IntakeIdentity,
  identityOf,
  intakeItem,
  intakeKey,
  intakePartition,
  pendingKey,
  pendingPartition,
} from './intake-items.ts';
import {
  ask,
  countItems,
  forEachOf,
  getItem,
  getItems,
  type Item,
  isConditionFailed,
  type Key,
  queryItems,
  type StateTable,
  shards,
  transact,
} from './table.ts';

/** Claims under way side by side. */
const claimBatch = 16;

/**
 * An object version is one item; what is pending and what a run holds is listed by pointer items that are written and
 * removed in the same transaction as its status, so a list is as consistent as the items themselves.
 */
export function dynamoIntake(table: StateTable): IntakeStore {
  return {
    record: (arrival) => recordArrival(table, arrival),

    versions: async (pipeline, location) => {
      const { pk, sk } = intakeKey({ pipeline, location, version: undefined });
      const found: IntakeItem[] = [];
      for await (const item of queryItems(table, { pk, prefix: `${sk}#` })) found.push(intakeItem(item));
      return found;
    },

    async *list(pipeline, filter = {}) {
      const { status, runId } = filter;
      for (const shard of shards) {
        const items =
          runId !== undefined
            ? behind(table, queryItems(table, { pk: claimPartition(runId, shard) }))
            : status === 'pending'
              ? behind(table, queryItems(table, { pk: pendingPartition(pipeline, shard) }))
              : objects(table, pipeline, shard);
        for await (const item of items) {
          const fits =
            item.pipeline === pipeline &&
            (status === undefined || item.status === status) &&
            (runId === undefined || item.runId === runId);
          if (fits) yield item;
        }
      }
    },

    claim: async (pipeline, runId, limit, arrivedBeforeMs) => {
      const before = await countHeld(table, runId);
      if (before > 0) return before;
      const oldestFirst = mergeSorted(
        shards.map((shard) => queryItems(table, { pk: pendingPartition(pipeline, shard) })),
        (left, right) => (String(left['sk']) < String(right['sk']) ? -1 : 1),
      );
      let held = 0;
      const take = async (batch: readonly Item[]): Promise<void> =>
        forEachOf(batch, async (pointer) => {
          if (await claimOne(table, runId, identityOf(pointer))) held += 1;
        });
      let batch: Item[] = [];
      for await (const pointer of oldestFirst) {
        if (held >= limit) break;
        if (arrivedBeforeMs !== undefined && identityOf(pointer).arrivedMs >= arrivedBeforeMs) break;
        batch.push(pointer);
        if (batch.length < Math.min(claimBatch, limit - held)) continue;
        await take(batch);
        batch = [];
      }
      await take(batch.slice(0, limit - held));
      return held;
    },

    settle: (runId, outcomes) => forEachOf(outcomes, (outcome) => settleOne(table, runId, outcome)),

    release: async (runId) => {
      let released = 0;
      for (const shard of shards) {
        const held = behind(table, queryItems(table, { pk: claimPartition(runId, shard) }));
        await forEachOf(held, async (item) => {
          if (item.status !== 'claimed') return;
          if (await giveBack(table, runId, item, undefined)) released += 1;
        });
      }
      return released;
    },
  };
}

async function* objects(table: StateTable, pipeline: string, shard: string): AsyncGenerator<IntakeItem> {
  for await (const item of queryItems(table, { pk: intakePartition(pipeline, shard) }))
    if (item['version'] !== undefined) yield intakeItem(item);
}

/** The items that pointers point to. */
async function* behind(table: StateTable, pointers: AsyncIterable<Item>): AsyncGenerator<IntakeItem> {
  async function* keys(): AsyncGenerator<Key> {
    for await (const pointer of pointers) yield intakeKey(identityOf(pointer));
  }
  for await (const item of getItems(table, keys())) yield intakeItem(item);
}

async function countHeld(table: StateTable, runId: string): Promise<number> {
  const counts = await Promise.all(
    shards.map((shard) => countItems(table, { pk: claimPartition(runId, shard) })),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** false when somebody else was faster, or a newer version superseded it. */
function claimOne(table: StateTable, runId: string, item: IntakeIdentity): Promise<boolean> {
  const TableName = table.name;
  return transact(table, [
    {
      Update: {
        TableName,
        Key: { ...intakeKey(item) },
        UpdateExpression: 'SET #status = :claimed, runId = :run',
        ConditionExpression: '#status = :pending',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':claimed': 'claimed', ':pending': 'pending', ':run': runId },
      },
    },
    { Delete: { TableName, Key: { ...pendingKey(item) } } },
    { Put: { TableName, Item: { ...claimKey(runId, item), ...item } } },
  ]);
}

async function settleOne(table: StateTable, runId: string, outcome: IntakeOutcome): Promise<void> {
  const pointer = await getItem(table, claimKey(runId, outcome));
  if (pointer === undefined) return;
  const reason = outcome.reason?.slice(0, 2_000);
  if (outcome.status === 'pending') {
    await giveBack(table, runId, identityOf(pointer), reason);
    return;
  }
  try {
    await ask(table, 'UpdateItem', () =>
      table.client.send(
        new UpdateCommand({
          TableName: table.name,
          Key: { ...intakeKey(identityOf(pointer)) },
          ...held(runId, outcome.status, reason, false),
        }),
      ),
    );
  } catch (error) {
    if (!isConditionFailed(error)) throw error;
  }
}

/** Makes an item pending again if the run holds it. */
function giveBack(
  table: StateTable,
  runId: string,
  item: IntakeIdentity,
  reason: string | undefined,
): Promise<boolean> {
  const TableName = table.name;
  return transact(table, [
    { Update: { TableName, Key: { ...intakeKey(item) }, ...held(runId, 'pending', reason, true) } },
    putPending(table, item),
    { Delete: { TableName, Key: { ...claimKey(runId, item) } } },
  ]);
}

/** An update of an item that the run holds: status, reason, and whether it is still the run's. */
function held(runId: string, status: string, reason: string | undefined, release: boolean) {
  const removed = [...(reason === undefined ? ['reason'] : []), ...(release ? ['runId'] : [])];
  const set = reason === undefined ? 'SET #status = :status' : 'SET #status = :status, reason = :reason';
  return {
    UpdateExpression: removed.length === 0 ? set : `${set} REMOVE ${removed.join(', ')}`,
    ConditionExpression: 'runId = :run',
    ExpressionAttributeNames: { '#status': 'status' },
    ExpressionAttributeValues: {
      ':status': status,
      ':run': runId,
      ...(reason === undefined ? {} : { ':reason': reason }),
    },
  };
}
