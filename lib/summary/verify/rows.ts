import type { SqlRow } from '../../engine/engine.ts';
import { monthOf, monthText } from '../audit/sql.ts';
import type { RegisterColumns, ScalarColumn, SummaryShape } from '../tables/columns.ts';
import { tombstoneCode } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';
import { type FeedRecord, feedText, storedFeed } from './feed.ts';
import { compareTuples, type OrderTuple, type Value } from './order.ts';
import { type ExpectedRow, type RecomputeRules, sameValue } from './recompute.ts';
import type { Deletion, SourceRecord, StoredMonth } from './registers.ts';

/** Rows as an engine returns them, as what the recomputation works on, and back to differences for people. */

export function recomputeRules(shape: SummaryShape, onStale: RecomputeRules['onStale']): RecomputeRules {
  return {
    historyLength: shape.historyLength,
    arrays: shape.histories.map(({ name, from }) => ({ column: name, from })),
    grids: shape.grids.map(({ name, history, placeholder, separator }) => ({
      column: name,
      array: history,
      placeholder,
      separator,
    })),
    deleteColumn: shape.deleteColumn,
    ...(shape.feed === undefined ? {} : { overrides: shape.feed.date.name }),
    onStale,
  };
}

/** A stored row; arrays that were not selected are left out. */
export function storedMonth(shape: SummaryShape, row: SqlRow): StoredMonth {
  const deletion = tupleOf(shape, shape.deletion, row);
  const { feed } = shape;
  const code =
    feed !== undefined
      ? codeValue(shape, row[feedNames.deleteCode] ?? null)
      : shape.deleteColumn === undefined
        ? null
        : row[shape.deleteColumn];
  const own =
    feed === undefined
      ? {}
      : {
          [feed.date.name]: row[feedNames.recordDate] ?? null,
          [feed.code.name]: row[feedNames.recordCode] ?? null,
        };
  return {
    month: rowMonth(shape, row),
    tuple: tupleOf(shape, shape.record, row),
    deletion: isNull(row[shape.deletion.version]) ? undefined : { tuple: deletion, code },
    feed: storedFeed(shape, row),
    scalars: { ...scalarsOf(shape, row), ...own },
    arrays: Object.fromEntries(
      shape.histories.flatMap(({ name }): [string, readonly Value[]][] => {
        const list = row[name];
        return Array.isArray(list) ? [[name, list]] : [];
      }),
    ),
  };
}

/** A prepared row of the feed `records`. */
export function sourceRecord(shape: SummaryShape, row: SqlRow): SourceRecord {
  return {
    month: Number(row['month_no']),
    tuple: {
      ranks: [shape.version, ...shape.ties].map((column) => rank(column, row[column.name])),
      hash: row['rec_hash'],
    },
    deleteCode:
      row['is_delete'] === true
        ? shape.deleteColumn === undefined
          ? null
          : (row[shape.deleteColumn] ?? null)
        : undefined,
    scalars: scalarsOf(shape, row),
  };
}

/** The delete that a tombstone keeps; none when it keeps a feed record only. */
export function tombstone(
  shape: SummaryShape,
  row: SqlRow,
): readonly (readonly [month: number, deletion: Deletion])[] {
  if (isNull(row[shape.deletion.version])) return [];
  const deletion = {
    tuple: tupleOf(shape, shape.deletion, row),
    code: codeValue(shape, row[tombstoneCode] ?? null),
  };
  return [[monthOf(String(row[shape.month.name])), deletion]];
}

/** The feed record that a tombstone keeps, or of a row that names its columns as tombstones do. */
export function feedRecord(
  shape: SummaryShape,
  row: SqlRow,
): readonly (FeedRecord & { readonly month: number })[] {
  const feed = storedFeed(shape, row);
  return feed === undefined ? [] : [{ ...feed, month: monthOf(String(row[shape.month.name])) }];
}

/** Tombstones keep codes as text; a row holds the column's own type. */
function codeValue(shape: SummaryShape, code: Value): Value {
  const type = shape.scalars.find(({ name }) => name === shape.deleteColumn)?.icebergType;
  return typeof code === 'string' && (type === 'int' || type === 'long') ? BigInt(code) : code;
}

/** Scalars that identify neither the row nor the run: key, month and version (which rises for other reasons) are left out. */
function scalarsOf(shape: SummaryShape, row: SqlRow): Readonly<Record<string, Value>> {
  const values: Record<string, Value> = {};
  for (const { name } of comparedScalars(shape)) values[name] = row[name] ?? null;
  return values;
}

const compared = new WeakMap<SummaryShape, readonly ScalarColumn[]>();

/** All scalars but key and month. Asked for with every row, so kept. */
export function comparedScalars(shape: SummaryShape): readonly ScalarColumn[] {
  const found =
    compared.get(shape) ??
    shape.scalars.filter(({ name }) => name !== shape.key.name && name !== shape.month.name);
  compared.set(shape, found);
  return found;
}

/** The month's number of a stored row. */
export function rowMonth(shape: SummaryShape, row: SqlRow): number {
  return monthOf(String(row[shape.month.name]));
}

function tupleOf(shape: SummaryShape, register: RegisterColumns, row: SqlRow): OrderTuple {
  return {
    ranks: [
      rank(shape.version, row[register.version]),
      ...register.ties.map((name, index) => rank(shape.ties[index] ?? shape.version, row[name])),
    ],
    hash: row[register.hash],
  };
}

/** Decimals come as text of one scale: without the point they order as integers. */
function rank(column: ScalarColumn, value: Value): Value {
  if (typeof value === 'string' && column.sqlType.startsWith('DECIMAL'))
    return BigInt(value.replace('.', ''));
  return value;
}

function isNull(value: Value): boolean {
  return value === null || value === undefined;
}

/**
 * What differs between the row that must stand and the one that does, one text per column; empty when they agree.
 * The version column is informative and not compared, nor is the run that last changed the row.
 */
export function rowDifferences(
  shape: SummaryShape,
  expected: ExpectedRow,
  row: SqlRow,
  withArrays = true,
): readonly string[] {
  const got = storedMonth(shape, row);
  const differences: string[] = [];
  const differ = (name: string, wanted: Value, found: Value) => {
    if (!sameValue(wanted, found)) differences.push(`${name}: expected ${show(wanted)}, got ${show(found)}`);
  };
  if (got.month !== expected.month)
    return [`month: expected ${monthText(expected.month)}, got ${monthText(got.month)}`];
  for (const { name } of comparedScalars(shape)) {
    if (name !== shape.version.name) differ(name, expected.scalars[name], row[name]);
  }
  for (const name of shape.feed === undefined ? [] : [shape.feed.date.name, shape.feed.code.name])
    differ(`${name} of the record`, expected.own[name], got.scalars[name]);
  differ('feed record', feedText(expected.feed), feedText(got.feed));
  if (compareTuples(expected.tuple, got.tuple) !== 0)
    differ('record', tupleText(expected.tuple), tupleText(got.tuple));
  differ('delete', tupleText(expected.deletion?.tuple), tupleText(got.deletion?.tuple));
  if (!withArrays) return differences;
  for (const { name } of shape.histories) {
    const wanted = expected.arrays[name] ?? [];
    const found = got.arrays[name] ?? [];
    if (sameValue(wanted, found)) continue;
    const at = wanted.findIndex((entry, index) => !sameValue(entry, found[index]));
    if (wanted.length !== found.length) differ(`length of ${name}`, wanted.length, found.length);
    else differ(`${name}[${at}]`, wanted[at], found[at]);
  }
  for (const { name } of shape.grids) differ(name, expected.grids[name], row[name]);
  return differences;
}

function tupleText(tuple: OrderTuple | undefined): string | null {
  return tuple === undefined ? null : [...tuple.ranks, tuple.hash].map(show).join('/');
}

function show(value: Value): string {
  if (value === null || value === undefined) return 'NULL';
  const text =
    typeof value === 'object'
      ? JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner))
      : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
