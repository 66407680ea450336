import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { CorruptStateError, StoreUnavailableError } from '../../errors.ts';
import type { RunRecord, RunStatus, RunStore } from '../ports.ts';
import {
  ask,
  getItem,
  getItems,
  type Item,
  isConditionFailed,
  type Key,
  optimistic,
  queryItems,
  type StateTable,
  sortableMs,
  transact,
} from './table.ts';

const keyOf = (runId: string): Key => ({ pk: `run#${runId}`, sk: 'run' });
/** Every run once, and once more below its pipeline; sort keys by time of creation. */
const listOf = (pipeline?: string) => (pipeline === undefined ? 'runs' : `runs#${pipeline}`);

/** DynamoDB refuses items over 400 KB. */
const mostFactBytes = 300_000;

/** A run's record is changed by one writer after the other: each write carries the revision it was made from. */
export function dynamoRuns(table: StateTable): RunStore {
  const find = async (runId: string): Promise<Item | undefined> => getItem(table, keyOf(runId));

  return {
    create: async (record) => {
      const writeId = table.newId();
      const { runId } = record;
      const sk = `${sortableMs(record.createdMs)}#${runId}`;
      const put = (item: Item) => ({ Put: { TableName: table.name, Item: { ...item } } });
      try {
        return await transact(table, [
          {
            Put: {
              TableName: table.name,
              Item: { ...itemOf(record), revision: 1, writeId },
              ConditionExpression: 'attribute_not_exists(pk)',
            },
          },
          put({ pk: listOf(), sk, runId }),
          put({ pk: listOf(record.pipeline), sk, runId }),
        ]);
      } catch (error) {
        if (error instanceof StoreUnavailableError && (await find(runId))?.['writeId'] === writeId)
          return true;
        throw error;
      }
    },

    get: async (runId) => {
      const item = await find(runId);
      return item === undefined ? undefined : runRecord(item);
    },

    list: async (pipeline, limit = 1_000) => {
      const keys: Key[] = [];
      for await (const item of queryItems(table, { pk: listOf(pipeline), newestFirst: true })) {
        if (keys.length >= limit) break;
        keys.push(keyOf(String(item['runId'])));
      }
      const records = new Map<string, RunRecord>();
      for await (const item of getItems(table, keys)) records.set(String(item['pk']), runRecord(item));
      return keys.flatMap(({ pk }) => records.get(pk) ?? []);
    },

    update: (runId, change) => {
      const writeId = table.newId();
      return optimistic(table, `run ${runId}`, async (lost) => {
        const before = await find(runId);
        if (before === undefined)
          throw new CorruptStateError(`there is no run ${runId}`, { next: 'partwise runs' });
        // The reply of an earlier round was lost, and nobody has written since.
        if (before['writeId'] === writeId) return runRecord(before);
        const revision = Number(before['revision']);
        const after: RunRecord = { ...runRecord(before), updatedMs: table.clock.now(), ...change };
        try {
          await ask(table, 'PutItem', () =>
            table.client.send(
              new PutCommand({
                TableName: table.name,
                Item: { ...itemOf(after), revision: revision + 1, writeId },
                ConditionExpression: 'revision = :revision',
                ExpressionAttributeValues: { ':revision': revision },
              }),
            ),
          );
          return after;
        } catch (error) {
          if (isConditionFailed(error)) return lost();
          if (error instanceof StoreUnavailableError && (await find(runId))?.['writeId'] === writeId)
            return after;
          throw error;
        }
      });
    },
  };
}

function itemOf(record: RunRecord): Item {
  const { error, facts, ...plain } = record;
  const factText = JSON.stringify(facts);
  if (Buffer.byteLength(factText) > mostFactBytes)
    throw new CorruptStateError(`the facts of run ${record.runId} are larger than a state item may be`, {
      details: { bytes: Buffer.byteLength(factText) },
    });
  const told = error === undefined ? undefined : { ...error, message: error.message.slice(0, 10_000) };
  return {
    ...keyOf(record.runId),
    ...plain,
    facts: factText,
    ...(told === undefined ? {} : { error: JSON.stringify(told) }),
  };
}

function runRecord(item: Item): RunRecord {
  return {
    runId: String(item['runId']),
    pipeline: String(item['pipeline']),
    status: String(item['status']) as RunStatus,
    attempt: Number(item['attempt']),
    epoch: Number(item['epoch']),
    branch: String(item['branch']),
    createdMs: Number(item['createdMs']),
    updatedMs: Number(item['updatedMs']),
    endedMs: item['endedMs'] === undefined ? undefined : Number(item['endedMs']),
    error: item['error'] === undefined ? undefined : JSON.parse(String(item['error'])),
    facts: JSON.parse(String(item['facts'])),
  };
}
