import { createHash } from 'node:crypto';
import {
  BatchGetCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { StoreUnavailableError } from '../../errors.ts';
import { awsFailure, isNamed } from '../aws-errors.ts';
import type { Clock } from '../ports.ts';
import { type Retrying, retrying } from '../retrying.ts';

/**
 * The one table. Partition key `pk`, sort key `sk`, both text; `expiresAt` (epoch seconds) is its TTL attribute. Who reads
 * what by which key is in docs/aws/state-table.md.
 */
export interface StateTable {
  readonly client: DynamoDBDocumentClient;
  readonly name: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly retrying: Retrying;
  /** How long a run can be resumed: what only a resume needs lapses after it. */
  readonly resumeHorizonMs: number;
}

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

export type Item = Readonly<Record<string, unknown>>;

/** Partition keys of what many write at once are spread over so many, so that no key meets its throughput limit. */
export const shards: readonly string[] = [...'0123456789abcdef'];

export function hash(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

export function shardOf(hashed: string): string {
  return hashed.slice(0, 1);
}

/** A time as text that sorts as it does. */
export function sortableMs(ms: number): string {
  return Math.max(0, ms).toFixed(3).padStart(20, '0');
}

/** Does one request; a failure that is not a lost condition gets its name. */
export async function ask<T>(table: StateTable, action: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (isNamed(error, 'ConditionalCheckFailedException', 'TransactionCanceledException')) throw error;
    throw awsFailure(error, `dynamodb:${action}`, table.name);
  }
}

export async function getItem(table: StateTable, key: Key): Promise<Item | undefined> {
  const { Item: found } = await ask(table, 'GetItem', () =>
    table.client.send(new GetCommand({ TableName: table.name, Key: { ...key }, ConsistentRead: true })),
  );
  return found;
}

interface QueryOptions {
  readonly pk: string;
  readonly prefix?: string;
  readonly newestFirst?: boolean;
}

function queryInput(table: StateTable, options: QueryOptions): QueryCommandInput {
  const { pk, prefix } = options;
  return {
    TableName: table.name,
    ConsistentRead: true,
    ScanIndexForward: options.newestFirst !== true,
    KeyConditionExpression: prefix === undefined ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
    ExpressionAttributeValues: { ':pk': pk, ...(prefix === undefined ? {} : { ':prefix': prefix }) },
  };
}

/** Items of one partition key in the order of their sort keys, page by page. */
export async function* queryItems(table: StateTable, options: QueryOptions): AsyncGenerator<Item> {
  let from: QueryCommandInput['ExclusiveStartKey'];
  do {
    const page = await ask(table, 'Query', () =>
      table.client.send(new QueryCommand({ ...queryInput(table, options), ExclusiveStartKey: from })),
    );
    yield* page.Items ?? [];
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
}

export async function countItems(table: StateTable, options: QueryOptions): Promise<number> {
  let count = 0;
  let from: QueryCommandInput['ExclusiveStartKey'];
  do {
    const page = await ask(table, 'Query', () =>
      table.client.send(
        new QueryCommand({ ...queryInput(table, options), Select: 'COUNT', ExclusiveStartKey: from }),
      ),
    );
    count += page.Count ?? 0;
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return count;
}

/** So many keys fit one BatchGetItem. */
const batchKeys = 100;

/** The items of the keys, in no order; keys without an item are left out. */
export async function* getItems(
  table: StateTable,
  keys: AsyncIterable<Key> | Iterable<Key>,
): AsyncGenerator<Item> {
  let batch: Key[] = [];
  for await (const key of keys) {
    batch.push(key);
    if (batch.length < batchKeys) continue;
    yield* getBatch(table, batch);
    batch = [];
  }
  if (batch.length > 0) yield* getBatch(table, batch);
}

async function* getBatch(table: StateTable, keys: readonly Key[]): AsyncGenerator<Item> {
  let left: readonly Record<string, unknown>[] = keys.map((key) => ({ ...key }));
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const asked = { [table.name]: { Keys: [...left], ConsistentRead: true } };
    const answer = await ask(table, 'BatchGetItem', () =>
      table.client.send(new BatchGetCommand({ RequestItems: asked })),
    );
    yield* answer.Responses?.[table.name] ?? [];
    const unprocessed = answer.UnprocessedKeys?.[table.name]?.Keys ?? [];
    if (unprocessed.length === left.length) {
      if (attempt >= table.retrying.attempts)
        throw new StoreUnavailableError(`dynamodb:BatchGetItem on ${table.name} is throttled`);
      await table.retrying.sleep(table.retrying.random() * 100 * attempt);
    }
    left = unprocessed;
  }
}

export type TransactItems = NonNullable<TransactWriteCommandInput['TransactItems']>;

/**
 * All of the writes or none; false when a condition did not hold. A repetition after a lost reply carries the same token,
 * so it is answered and not done again.
 * @throws StoreUnavailableError the writes may have been done; AccessDeniedError
 */
export async function transact(table: StateTable, items: TransactItems): Promise<boolean> {
  const token = table.newId();
  try {
    await retrying(table.retrying, isPassingConflict, () =>
      ask(table, 'TransactWriteItems', () =>
        table.client.send(new TransactWriteCommand({ TransactItems: items, ClientRequestToken: token })),
      ),
    );
    return true;
  } catch (error) {
    if (reasonsOf(error).includes('ConditionalCheckFailed')) return false;
    if (isPassingConflict(error))
      throw new StoreUnavailableError(`${table.name} is written by too many at once`, { cause: error });
    throw error;
  }
}

/** Two transactions that touch one item at the same time: neither condition was looked at. */
function isPassingConflict(error: unknown): boolean {
  if (isNamed(error, 'TransactionInProgressException')) return true;
  const reasons = reasonsOf(error);
  return (
    reasons.some((one) => one !== 'None' && one !== 'ConditionalCheckFailed') &&
    !reasons.includes('ConditionalCheckFailed') &&
    !reasons.includes('ValidationError')
  );
}

function reasonsOf(error: unknown): readonly string[] {
  if (!isNamed(error, 'TransactionCanceledException')) return [];
  const { CancellationReasons: reasons } = error as { CancellationReasons?: { readonly Code?: string }[] };
  return (reasons ?? []).map((reason) => reason.Code ?? 'None');
}

/** Thrown inside of `optimistic` when what was read has changed since. */
class LostRace extends Error {}

/** Reads, decides and writes until the write's condition holds: `action` says `lost()` when it did not. */
export async function optimistic<T>(
  table: StateTable,
  what: string,
  action: (lost: () => never) => Promise<T>,
): Promise<T> {
  const lost = (): never => {
    throw new LostRace();
  };
  // A round is lost only to another writer who won it, so more rounds than writers are enough.
  const rounds = { ...table.retrying, attempts: 10 * table.retrying.attempts };
  try {
    return await retrying(
      rounds,
      (error) => error instanceof LostRace,
      () => action(lost),
    );
  } catch (error) {
    if (error instanceof LostRace)
      throw new StoreUnavailableError(`${what} is written by too many at once`, { details: { what } });
    throw error;
  }
}

/** Does `action` for each item, a few side by side. */
export async function forEachOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const done = action(item)
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => running.delete(done));
    running.add(done);
    if (running.size >= 16) await Promise.race(running);
    if (failures.length > 0) break;
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}

export function expiresAt(table: StateTable): number {
  return Math.ceil((table.clock.now() + table.resumeHorizonMs) / 1_000);
}

export function isConditionFailed(error: unknown): boolean {
  return isNamed(error, 'ConditionalCheckFailedException');
}
