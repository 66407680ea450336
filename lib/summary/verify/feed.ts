import type { SqlRow } from '../../engine/engine.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';
import { compareTuples, compareValues, type OrderTuple, type Value } from './order.ts';

/** The deletions feed in the recomputation: plain TypeScript, nothing shared with the statements that do the work. */

/** A feed record of one month. */
export interface FeedRecord {
  readonly tuple: OrderTuple;
  readonly deleted: boolean;
  readonly date: Value;
  readonly code: Value;
}

/** What a month shows in the two columns that the feed may override. */
export interface Shown {
  readonly date: Value;
  readonly code: Value;
}

interface ResolveOptions {
  /** Whether the newest record is not older than the newest delete. */
  readonly sourceAlive: boolean;
  /** The record's own. */
  readonly record: Shown;
  /** Code of the newest delete. */
  readonly deleteCode: Value;
  readonly feed: FeedRecord | undefined;
}

export function resolveShown({ sourceAlive, record, deleteCode, feed }: ResolveOptions): Shown {
  const code = sourceAlive ? record.code : deleteCode;
  if (feed === undefined) return { date: record.date, code };
  if (feed.deleted) return { date: sourceAlive ? record.date : null, code };
  const feedWins = !sourceAlive || compareValues(feed.date, record.date) > 0;
  return feedWins ? { date: feed.date, code: feed.code } : { date: record.date, code };
}

export function sameFeed(a: FeedRecord | undefined, b: FeedRecord | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return compareTuples(a.tuple, b.tuple) === 0;
}

/** The register of a stored row or of a tombstone. */
export function storedFeed(shape: SummaryShape, row: SqlRow): FeedRecord | undefined {
  const version = row[feedNames.version];
  if (shape.feed === undefined || version === null || version === undefined) return undefined;
  return {
    tuple: { ranks: [version], hash: row[feedNames.hash] },
    deleted: row[feedNames.deleted] === true,
    date: row[feedNames.date] ?? null,
    code: row[feedNames.code] ?? null,
  };
}

export function feedText(feed: FeedRecord | undefined): string | null {
  if (feed === undefined) return null;
  const parts = [...feed.tuple.ranks, feed.tuple.hash, feed.deleted, feed.date, feed.code];
  return parts.map((part) => String(part ?? 'NULL')).join('/');
}
