import { type FeedRecord, sameFeed } from './feed.ts';
import { compareRanks, compareTuples, type OrderTuple, type Value } from './order.ts';

/** What is remembered of each month of a key, and how records change it. See verify-recompute.ts. */

export interface Deletion {
  readonly tuple: OrderTuple;
  readonly code: Value;
}

/** A stored row. `month` is year * 12 + month - 1, or any numbering with one step per calendar month. */
export interface StoredMonth {
  readonly month: number;
  readonly tuple: OrderTuple;
  readonly deletion: Deletion | undefined;
  readonly feed?: FeedRecord | undefined;
  /** The record's own, by column name, the month and key columns left out. */
  readonly scalars: Readonly<Record<string, Value>>;
  readonly arrays: Readonly<Record<string, readonly Value[]>>;
}

export interface SourceRecord {
  readonly month: number;
  readonly tuple: OrderTuple;
  /** The delete code of a delete; undefined for a normal record. */
  readonly deleteCode: Value | undefined;
  readonly scalars: Readonly<Record<string, Value>>;
}

export interface KeyInput {
  readonly stored: readonly StoredMonth[];
  /** Deletes of months that are not stored. */
  readonly tombstones: ReadonlyMap<number, Deletion>;
  readonly records: readonly SourceRecord[];
  /** Feed records: those of the tombstones and those that came. */
  readonly feed?: readonly (FeedRecord & { readonly month: number })[];
}

/** What is remembered of a month. */
export interface Registers {
  readonly normal:
    | { readonly tuple: OrderTuple; readonly scalars: Readonly<Record<string, Value>> }
    | undefined;
  readonly deletion: Deletion | undefined;
  readonly feed: FeedRecord | undefined;
  /** The stored row that the normal register comes from; undefined when it comes from the batch. */
  readonly before: StoredMonth | undefined;
}

export function registersOf(row: StoredMonth): Registers {
  return { normal: row, deletion: row.deletion, feed: row.feed, before: row };
}

/** Of a month that nobody has named. */
export const noRegisters: Registers = {
  normal: undefined,
  deletion: undefined,
  feed: undefined,
  before: undefined,
};

/** The registers of every month: the newest normal record, the newest delete and the newest feed record ever accepted. */
export function settle(
  onStale: 'ignore' | 'apply',
  stored: ReadonlyMap<number, StoredMonth>,
  input: KeyInput,
): Map<number, Registers> {
  const registers = new Map<number, Registers>();
  for (const [month, row] of stored) registers.set(month, registersOf(row));
  for (const [month, deletion] of input.tombstones) {
    const register = registers.get(month) ?? noRegisters;
    registers.set(month, { ...register, deletion: newerOf(register.deletion, deletion) });
  }
  for (const feed of input.feed ?? []) {
    const register = registers.get(feed.month) ?? noRegisters;
    registers.set(feed.month, { ...register, feed: newerOf(register.feed, feed) });
  }
  const always = onStale === 'apply';
  for (const { month, normal, deletion } of newestPerMonth(input.records)) {
    const before = registers.get(month) ?? noRegisters;
    const standing = always ? (normal ?? before.normal) : newerOf(before.normal, normal);
    registers.set(month, {
      normal: standing,
      deletion: newerOf(before.deletion, deletion),
      feed: before.feed,
      before: standing === before.normal ? before.before : undefined,
    });
  }
  return registers;
}

function newestPerMonth(records: readonly SourceRecord[]) {
  const newest = new Map<
    number,
    { month: number; normal: SourceRecord | undefined; deletion: Deletion | undefined }
  >();
  for (const record of records) {
    const found = newest.get(record.month) ?? { month: record.month, normal: undefined, deletion: undefined };
    if (record.deleteCode === undefined) found.normal = newerOf(found.normal, record);
    else found.deletion = newerOf(found.deletion, { tuple: record.tuple, code: record.deleteCode });
    newest.set(record.month, found);
  }
  return newest.values();
}

/** The first wins among equals, which are the same record. */
function newerOf<T extends { readonly tuple: OrderTuple }>(
  first: T | undefined,
  second: T | undefined,
): T | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return compareTuples(second.tuple, first.tuple) > 0 ? second : first;
}

export function isAlive(register: Registers | undefined): boolean {
  if (register?.normal === undefined) return false;
  return isSourceAlive(register) || register.feed?.deleted === false;
}

/** By record and delete alone. */
export function isSourceAlive(register: Registers): boolean {
  if (register.normal === undefined) return false;
  return register.deletion === undefined || compareRanks(register.normal.tuple, register.deletion.tuple) >= 0;
}

/** Tuples identify records, so equal tuples mean equal scalars. */
export function sameRegisters(a: Registers | undefined, b: Registers | undefined): boolean {
  if (
    a?.normal === undefined ||
    b?.normal === undefined ||
    compareTuples(a.normal.tuple, b.normal.tuple) !== 0
  )
    return false;
  if (!sameFeed(a.feed, b.feed)) return false;
  if (a.deletion === undefined || b.deletion === undefined) return a.deletion === b.deletion;
  return compareTuples(a.deletion.tuple, b.deletion.tuple) === 0;
}
