import { identifier } from '../../engine/sql.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';

/** Statements' parts for checks, written from the rules once more and not from the work's own. */

/** Whether a stored row is alive: by its record and its delete, or by the deletions feed. Never NULL. */
export function rowAlive(shape: SummaryShape, alias?: string): string {
  const source = sourceAlive(shape, alias);
  if (shape.feed === undefined) return source;
  const deleted = `${alias === undefined ? '' : `${alias}.`}${identifier(feedNames.deleted)}`;
  return `(${source} OR ${deleted} IS NOT DISTINCT FROM false)`;
}

/** Whether a stored row's record is not older than its delete, the hash left aside. Never NULL. */
export function sourceAlive(shape: SummaryShape, alias?: string): string {
  const column = (name: string) => `${alias === undefined ? '' : `${alias}.`}${identifier(name)}`;
  const record = [shape.record.version, ...shape.record.ties].map(column);
  const deletion = [shape.deletion.version, ...shape.deletion.ties].map(column);
  const notOlder = record.reduceRight((rest, ours, index) => {
    const theirs = deletion[index];
    return `coalesce(${ours} > ${theirs}, ${theirs} IS NULL) OR (${ours} IS NOT DISTINCT FROM ${theirs} AND (${rest}))`;
  }, 'true');
  return `(${column(shape.deletion.version)} IS NULL OR ${notOlder})`;
}

/** Columns that `rowAlive` reads. */
export function aliveColumns(shape: SummaryShape): readonly string[] {
  return [
    shape.record.version,
    ...shape.record.ties,
    shape.deletion.version,
    ...shape.deletion.ties,
    ...(shape.feed === undefined ? [] : [feedNames.deleted]),
  ];
}

/** A month's number, year * 12 + month, of text `YYYY-MM`. */
export function monthNumber(sql: string): string {
  return `(left(${sql}, 4)::INTEGER * 12 + right(${sql}, 2)::INTEGER)`;
}

/** @example monthText(24313) // '2026-01' */
export function monthText(month: number): string {
  return `${String(Math.floor((month - 1) / 12)).padStart(4, '0')}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`;
}

/** @example monthOf('2026-01') // 24313 */
export function monthOf(text: string): number {
  return Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7));
}
