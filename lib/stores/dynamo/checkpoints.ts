import { DeleteCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { CheckpointRecord, CheckpointStore, UnitFailure } from '../ports.ts';
import {
  ask,
  countItems,
  expiresAt,
  getItem,
  hash,
  type Item,
  isConditionFailed,
  type Key,
  queryItems,
  type StateTable,
  shardOf,
  shards,
} from './table.ts';

const checkpointsOf = (runId: string, shard: string) => `checkpoint#${runId}#${shard}`;
const notesOf = (runId: string, shard: string) => `note#${runId}#${shard}`;

function checkpointKey(runId: string, stage: string, unit: string): Key {
  return { pk: checkpointsOf(runId, shardOf(hash(unit))), sk: `${stage}#${unit}` };
}

/** A run's checkpoints are spread over partition keys by unit: thousands of units may end at once. Both kinds lapse. */
export function dynamoCheckpoints(table: StateTable): CheckpointStore {
  return {
    put: async (record) => {
      const key = checkpointKey(record.runId, record.stage, record.unit);
      const item = { ...key, ...record, expiresAt: expiresAt(table) };
      try {
        await ask(table, 'PutItem', () =>
          table.client.send(
            new PutCommand({
              TableName: table.name,
              Item: item,
              ConditionExpression: 'attribute_not_exists(pk)',
            }),
          ),
        );
        return record;
      } catch (error) {
        if (!isConditionFailed(error)) throw error;
      }
      // An earlier attempt's, or this very one when the reply of the first request was lost.
      const standing = await getItem(table, key);
      return standing === undefined ? record : checkpointRecord(standing);
    },

    get: async (runId, stage, unit) => {
      const item = await getItem(table, checkpointKey(runId, stage, unit));
      return item === undefined ? undefined : checkpointRecord(item);
    },

    async *list(runId, stage) {
      for (const shard of shards) {
        const pk = checkpointsOf(runId, shard);
        for await (const item of queryItems(table, { pk, ...ofStage(stage) })) yield checkpointRecord(item);
      }
    },

    count: async (runId, stage) => {
      const counts = await Promise.all(
        shards.map((shard) => countItems(table, { pk: checkpointsOf(runId, shard), ...ofStage(stage) })),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    },

    remove: async (runId, stage, unit) => {
      await ask(table, 'DeleteItem', () =>
        table.client.send(
          new DeleteCommand({ TableName: table.name, Key: checkpointKey(runId, stage, unit) }),
        ),
      );
    },

    note: async (failure) => {
      const { runId, stage, unit, attempt, startedMs, endedMs } = failure;
      const item = {
        pk: notesOf(runId, shardOf(hash(unit))),
        sk: `${stage}#${unit}#${String(attempt).padStart(6, '0')}`,
        runId,
        stage,
        unit,
        attempt,
        startedMs,
        endedMs,
        error: failure.error?.slice(0, 2_000),
        expiresAt: expiresAt(table),
      };
      await ask(table, 'PutItem', () =>
        table.client.send(new PutCommand({ TableName: table.name, Item: item })),
      );
    },

    async *notes(runId) {
      for (const shard of shards)
        for await (const item of queryItems(table, { pk: notesOf(runId, shard) })) yield unitNote(item);
    },
  };
}

function ofStage(stage: string | undefined): { readonly prefix?: string } {
  return stage === undefined ? {} : { prefix: `${stage}#` };
}

function checkpointRecord(item: Item): CheckpointRecord {
  return {
    runId: String(item['runId']),
    stage: String(item['stage']),
    unit: String(item['unit']),
    attempt: Number(item['attempt']),
    location: String(item['location']),
    digest: String(item['digest']),
    startedMs: Number(item['startedMs']),
    endedMs: Number(item['endedMs']),
    rows: Number(item['rows']),
    bytes: Number(item['bytes']),
  };
}

function unitNote(item: Item): UnitFailure {
  return {
    runId: String(item['runId']),
    stage: String(item['stage']),
    unit: String(item['unit']),
    attempt: Number(item['attempt']),
    startedMs: Number(item['startedMs']),
    endedMs: item['endedMs'] === undefined ? undefined : Number(item['endedMs']),
    error: item['error'] === undefined ? undefined : String(item['error']),
  };
}
