import type { Dialect } from '../../engine/dialect.ts';
import type { RegisterColumns, ScalarColumn, SummaryShape } from '../tables/columns.ts';
import { type FeedShape, feedNames } from '../tables/feed-columns.ts';
import type { PreparedRows } from './classify.ts';
import { registerNames, registerTuple } from './names.ts';
import { alive, choose, newer, same, tupleOf } from './tuples.ts';

/**
 * The deletions feed as a third register per (key, month), beside the record's and the delete's. A month's visible date
 * and delete code are a pure function of the three, so neither order nor batching matters:
 * - source deleted and feed deleted: no date, the delete's code
 * - feed alive, and the source deleted or of an earlier date (or of none): date and code of the feed
 * - otherwise the source's: the record's date, and the code of the record or, when deleted, of the delete
 *
 * The month is alive when the source or the feed is. Everything here is empty for a pipeline without the feed.
 */

/** Columns of the register that `pw_own` calls `g_…`, `pw_tomb` `h_…`, `pw_feed` `f_…`, and what stands `fa_…`. */
const parts = ['0', '1', 'deleted', 'date', 'code'] as const;
const partNames: Readonly<Record<(typeof parts)[number], string>> = {
  '0': feedNames.version,
  '1': feedNames.hash,
  deleted: feedNames.deleted,
  date: feedNames.date,
  code: feedNames.code,
};

/** Whether the month of a stored row is alive; never NULL. */
export function storedAlive(dialect: Dialect, shape: SummaryShape, alias: string): string {
  const source = alive(
    registerTuple(dialect, shape.record, alias),
    registerTuple(dialect, shape.deletion, alias),
  );
  if (shape.feed === undefined) return source;
  return `(${source} OR ${feedAlive(dialect.column(alias, feedNames.deleted))})`;
}

function feedAlive(deleted: string): string {
  return `coalesce(NOT ${deleted}, false)`;
}

/** Stored columns that resolving needs besides the registers of records and deletes. */
export function feedColumnNames({ feed }: SummaryShape): readonly string[] {
  return feed === undefined ? [] : [...feed.source, ...feed.register].map(({ name }) => name);
}

/** `pw_feed`: the newest feed record of each key and month, and how many lost. */
export function feedTable(
  dialect: Dialect,
  shape: SummaryShape,
  feed: FeedShape,
  prepared: PreparedRows,
): string {
  const { cast, identifier } = dialect;
  const columns: readonly (readonly [name: string, type: string, source: string])[] = [
    ['pw_key', shape.key.icebergType, identifier('key')],
    ['pw_month', 'int', 'month_no'],
    ['f_0', shape.version.icebergType, identifier('version')],
    ['f_1', 'long', identifier('hash')],
    ['f_deleted', 'boolean', 'is_delete'],
    ['f_date', feed.date.icebergType, identifier('date')],
    ['f_code', feed.code.icebergType, identifier('code')],
  ];
  const select = (value: (source: string) => string) =>
    `SELECT ${columns.map(([name, type, source]) => `${cast(value(source), type)} AS ${name}`).join(', ')}`;
  const rows =
    prepared.from === undefined
      ? `${select(() => 'NULL')} WHERE false`
      : `${select((source) => source)} FROM ${prepared.from} WHERE ${prepared.where}`;
  const again = same(['f_0', 'f_1'], ['lag(f_0) OVER w', 'lag(f_1) OVER w']);
  const newest = parts.map((part) => `max(f_${part}) FILTER (WHERE pw_rank = 1) AS f_${part}`);
  return dialect.keep(
    'pw_feed',
    `SELECT pw_key, pw_month, ${newest.join(', ')},
count(*) FILTER (WHERE pw_rank > 1 AND pw_again) AS feed_duplicate, count(*) FILTER (WHERE pw_rank > 1 AND NOT pw_again) AS feed_stale
FROM (SELECT *, row_number() OVER w AS pw_rank, ${again} AS pw_again FROM (${rows}) WINDOW w AS (PARTITION BY pw_key, pw_month ORDER BY f_0 DESC, f_1 DESC))
GROUP BY pw_key, pw_month`,
  );
}

/** Candidates that only the feed names, to be added to those of `pw_batch`. */
export function feedCandidates(dialect: Dialect, { feed, key }: SummaryShape): string {
  if (feed === undefined) return '';
  const none = dialect.cast('NULL', 'long');
  return ` UNION ALL SELECT f.pw_key, f.pw_month, ${none}, ${none}, 0, 0 FROM pw_feed AS f ANTI JOIN pw_batch AS b ON ${dialect.column('b', key.name)} = f.pw_key AND b.pw_month = f.pw_month`;
}

/** Further columns of `pw_own`, comma first. */
export function ownFeed(dialect: Dialect, { feed }: SummaryShape, alias: string): string {
  if (feed === undefined) return '';
  const source = [
    `${dialect.column(alias, feedNames.recordDate)} AS o_date`,
    `${dialect.column(alias, feedNames.recordCode)} AS o_code`,
  ];
  return `, ${[...source, ...register(dialect, alias, 'g')].join(', ')}`;
}

/** Further columns of `pw_tomb`, comma first. */
export function tombstoneFeed(dialect: Dialect, { feed }: SummaryShape, alias: string): string {
  return feed === undefined ? '' : `, ${register(dialect, alias, 'h').join(', ')}`;
}

function register(dialect: Dialect, alias: string, prefix: string): readonly string[] {
  return parts.map((part) => `${dialect.column(alias, partNames[part])} AS ${prefix}_${part}`);
}

/** What each step of `pw_resolved` has besides; select lists begin with a comma. */
export interface FeedSteps {
  readonly joined: string;
  readonly join: string;
  readonly judged: string;
  readonly aliveBefore: string;
  readonly after: string;
  readonly aliveAfter: string;
  readonly settled: string;
  readonly columns: string;
  /** A newer feed record came. */
  readonly isNew: string;
  readonly version: string;
}

const noSteps: FeedSteps = {
  joined: '',
  join: '',
  judged: '',
  aliveBefore: '',
  after: '',
  aliveAfter: '',
  settled: '',
  columns: '',
  isNew: '',
  version: '',
};

/** @param sourceAfter whether the month is alive by record and delete alone, afterwards */
export function feedSteps(dialect: Dialect, { feed }: SummaryShape, sourceAfter: string): FeedSteps {
  const { column: of } = dialect;
  if (feed === undefined) return noSteps;
  const tuples = { f: tupleOf('f', 2), g: tupleOf('g', 2) };
  const tombNewer = `(t.pw_key IS NOT NULL AND (o.pw_key IS NULL OR ${newer(tupleOf('h', 2, 't'), tupleOf('g', 2, 'o'))}))`;
  const each = (prefix: string, alias?: string) =>
    parts.map((part) => `${alias === undefined ? '' : `${alias}.`}${prefix}_${part}`);
  const named = (values: readonly string[], prefix: string) =>
    values.map((value, at) => `${value} AS ${prefix}_${parts[at]}`).join(', ');
  const before = choose(tombNewer, each('h', 't'), each('g', 'o'));
  const wins = `(fed_alive AND (NOT src_alive OR na_date IS NULL OR fa_date > na_date))`;
  return {
    joined: `, ${of('n', feed.date.name)} AS n_date, ${of('n', feed.code.name)} AS n_code, o.o_date, o.o_code, ${named(before, 'g')}, ${each('f', 'f').join(', ')}, coalesce(f.feed_stale, 0) AS feed_stale, coalesce(f.feed_duplicate, 0) AS feed_duplicate`,
    join: 'LEFT JOIN pw_feed AS f ON f.pw_key = c.pw_key AND f.pw_month = c.pw_month',
    judged: `, f_0 IS NOT NULL AND ${newer(tuples.f, tuples.g)} AS f_new, f_0 IS NOT NULL AND ${same(tuples.f, tuples.g)} AS f_same`,
    aliveBefore: ` OR ${feedAlive('g_deleted')}`,
    after: `, ${named(choose('f_new', each('f'), each('g')), 'fa')}, CASE WHEN n_new THEN n_date ELSE o_date END AS na_date, CASE WHEN n_new THEN n_code ELSE o_code END AS na_code, CASE WHEN d_new THEN d_code ELSE x_code END AS da_code`,
    aliveAfter: ` OR ${feedAlive('fa_deleted')}`,
    settled: `, ${sourceAfter} AS src_alive, ${feedAlive('fa_deleted')} AS fed_alive`,
    columns: `, f_0, f_new, f_same, feed_stale, feed_duplicate, ${each('fa').join(', ')}, na_date, na_code, da_code, stored_after AND ${wins} AS fed_shown,
  CASE WHEN ${wins} THEN fa_date WHEN src_alive OR fa_0 IS NULL THEN na_date END AS shown_date,
  CASE WHEN ${wins} THEN fa_code WHEN src_alive THEN na_code ELSE ${dialect.cast('da_code', feed.code.icebergType)} END AS shown_code`,
    isNew: ' OR f_new',
    version: ', CASE WHEN f_new THEN f_0 END',
  };
}

/** The registers as they stand afterwards, from `pw_resolved` as `alias`, under the names of their stored columns. */
export function standingRegisters(
  { identifier }: Dialect,
  shape: SummaryShape,
  alias: string,
): readonly string[] {
  const tuple = (register: RegisterColumns, prefix: string) =>
    registerNames(register).map((name, at) => `${alias}.${prefix}_${at} AS ${identifier(name)}`);
  const registers = [...tuple(shape.record, 'ra'), ...tuple(shape.deletion, 'da')];
  if (shape.feed === undefined) return registers;
  return [
    ...registers,
    `${alias}.na_date AS ${feedNames.recordDate}`,
    `${alias}.na_code AS ${feedNames.recordCode}`,
    `${alias}.da_code AS ${feedNames.deleteCode}`,
    ...standingRegister(alias, 'fa'),
  ];
}

/** The register alone, as tombstones keep it: `fa` from `pw_resolved`, `h` from `pw_tomb`. */
export function standingRegister(alias: string, prefix: 'fa' | 'h'): readonly string[] {
  return parts.map((part) => `${alias}.${prefix}_${part} AS ${partNames[part]}`);
}

/**
 * What a changed own row shows in the two columns that the feed may override; undefined for every other column.
 * @param change the change of the row's own month: whether it has one, its date and its code
 */
export function shownValue(
  { feed }: SummaryShape,
  column: ScalarColumn,
  change: { readonly own: string; readonly date: string; readonly code: string },
  old: string,
): string | undefined {
  if (column.name === feed?.date.name) return `CASE WHEN ${change.own} THEN ${change.date} ELSE ${old} END`;
  if (column.name === feed?.code.name) return `CASE WHEN ${change.own} THEN ${change.code} ELSE ${old} END`;
  return undefined;
}

/** What a new row shows in them, from `pw_resolved` as `alias`. */
export function shownInsert({ feed }: SummaryShape, column: ScalarColumn, alias: string): string | undefined {
  if (column.name === feed?.date.name) return `${alias}.shown_date`;
  return column.name === feed?.code.name ? `${alias}.shown_code` : undefined;
}

/** Counts of the feed's records for one row of cases; stale and duplicate ones are terms of the sums. */
export function feedCases({ cast }: Dialect, { feed }: SummaryShape) {
  if (feed === undefined)
    return { counts: { feed: '0', feedWaiting: '0', feedOverrides: '0' }, stale: '', duplicate: '' };
  return {
    counts: {
      feed: 'count(*) FILTER (WHERE f_new AND stored_after)',
      feedWaiting: 'count(*) FILTER (WHERE f_new AND NOT stored_after)',
      feedOverrides: 'count(*) FILTER (WHERE fed_shown)',
    },
    stale: ` + feed_stale + ${cast('(f_0 IS NOT NULL AND NOT f_new AND NOT f_same)', 'int')}`,
    duplicate: ` + feed_duplicate + ${cast('(f_same AND NOT f_new)', 'int')}`,
  };
}

/** Column of `pw_lent` with the stored record's value of a collected scalar. */
export function lentColumn(dialect: Dialect, from: string): string {
  return dialect.identifier(`pw_lent_${from}`);
}
