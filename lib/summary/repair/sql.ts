import type { Dialect } from '../../engine/dialect.ts';
import { storedAlive } from '../sql/feed.ts';
import { latestColumns } from '../sql/latest.ts';
import { monthNumberSql } from '../sql/months.ts';
import { of } from '../sql/names.ts';
import { newestMonth, type SummaryShape, storedNames } from '../tables/columns.ts';

/**
 * Latest as it must be and as it is, for one bucket. Tables of the session, in order: pw_wanted (the row that each key
 * of summary must have in latest), pw_stored (the rows of latest), pw_hashes (the wanted rows), pw_deviating.
 */

/** Above every month number: rows that are alive come before all that are deleted. */
const aliveFirst = 10_000_000;

/**
 * `pw_wanted`, one row per key: pw_month and place (pw_file, pw_pos) of its newest alive row, or of its newest row when
 * none is alive; pw_newest, its newest month of all; pw_twice, how many rows stand for a month that another row has.
 * @param rows scan of the bucket's summary files with the registers
 */
export function wantedTable(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const key = dialect.column('s', shape.key.name);
  const rank = `CASE WHEN ${storedAlive(dialect, shape, 's')} THEN ${aliveFirst} ELSE 0 END + s.pw_month`;
  const place = dialect.record({ m: 's.pw_month', f: 's.pw_file', p: 's.pw_pos' });
  return dialect.keep(
    'pw_wanted',
    `SELECT pw_key, pw_one.m AS pw_month, pw_one.f AS pw_file, pw_one.p AS pw_pos, pw_newest, pw_twice FROM (
  SELECT ${key} AS pw_key, ${dialect.maxBy(place, rank)} AS pw_one,
    max(s.pw_month) AS pw_newest, count(*) - count(DISTINCT s.pw_month) AS pw_twice
  FROM ${rows} AS s GROUP BY ${key})`,
  );
}

/** One row: keys; how many of them hold a month twice, and the first of these. */
export function wantedCounts(dialect: Dialect): string {
  const twice = 'FILTER (WHERE pw_twice > 0)';
  return `SELECT count(*) AS keys, count(*) ${twice} AS twice, ${dialect.cast(`min(pw_key) ${twice}`, 'string')} AS example FROM pw_wanted`;
}

/** `pw_stored`: the rows of latest, with a hash over all columns that summary has too. @param rows scan of the bucket's latest files */
export function storedTable(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const month = dialect.column('s', shape.month.name);
  const newest = `coalesce(${dialect.column('s', newestMonth)}, ${month})`;
  return dialect.keep(
    'pw_stored',
    `SELECT ${dialect.column('s', shape.key.name)} AS pw_key, s.pw_file, s.pw_pos, ${monthNumberSql(dialect, month)} AS pw_month,
${monthNumberSql(dialect, newest)} AS pw_newest, ${hashOf(dialect, shape, 's')} AS pw_hash FROM ${rows} AS s`,
  );
}

/** `pw_hashes` (pw_file, pw_pos, pw_hash) of the wanted rows. @param rows FROM items with an alias s: all columns at the places of `pw_wanted` */
export function hashesTable(dialect: Dialect, shape: SummaryShape, rows: readonly string[]): string {
  const selects = rows.map(
    (from) =>
      `SELECT ${dialect.few('x')}s.pw_file, s.pw_pos, ${hashOf(dialect, shape, 's')} AS pw_hash FROM ${from}`,
  );
  return dialect.keep('pw_hashes', selects.join(' UNION ALL '));
}

/** What can be wrong with a key in latest. */
export const deviationKinds = ['missing', 'surplus', 'twice', 'wrongMonth', 'wrongRow'] as const;
export type DeviationKind = (typeof deviationKinds)[number];

/** `pw_deviating` (pw_key, pw_kind, pw_found, pw_expected): each key that deviates once, with the months of its rows. */
export function deviatingTable(dialect: Dialect): string {
  return dialect.keep(
    'pw_deviating',
    `SELECT w.pw_key, 'missing' AS pw_kind, ${dialect.cast('NULL', 'int')} AS pw_found, w.pw_month AS pw_expected FROM pw_wanted AS w ANTI JOIN pw_stored AS l ON l.pw_key = w.pw_key
UNION ALL SELECT l.pw_key, CASE WHEN count(*) > 1 AND any_value(w.pw_key) IS NOT NULL THEN 'twice' ELSE 'surplus' END, max(l.pw_month), any_value(w.pw_month)
  FROM pw_stored AS l LEFT JOIN pw_wanted AS w ON w.pw_key = l.pw_key GROUP BY l.pw_key HAVING count(*) > 1 OR any_value(w.pw_key) IS NULL
UNION ALL SELECT l.pw_key, CASE WHEN l.pw_month <> w.pw_month OR l.pw_newest <> w.pw_newest THEN 'wrongMonth' ELSE 'wrongRow' END, l.pw_month, w.pw_month
  FROM (SELECT *, count(*) OVER (PARTITION BY pw_key) AS pw_rows FROM pw_stored) AS l JOIN pw_wanted AS w ON w.pw_key = l.pw_key
  JOIN pw_hashes AS h ON h.pw_file = w.pw_file AND h.pw_pos = w.pw_pos
  WHERE l.pw_rows = 1 AND (l.pw_month <> w.pw_month OR l.pw_newest <> w.pw_newest OR l.pw_hash <> h.pw_hash)`,
  );
}

export const deviationCounts = 'SELECT pw_kind, count(*) AS n FROM pw_deviating GROUP BY pw_kind';

/** The first few of each kind. */
export const deviationExamples = `SELECT pw_key::VARCHAR AS key, pw_kind, pw_found, pw_expected FROM (
  SELECT *, row_number() OVER (PARTITION BY pw_kind ORDER BY pw_key) AS n FROM pw_deviating) WHERE n <= 3 ORDER BY pw_kind, pw_key`;

/** One row: how many of the rows that differ from their summary row do so in each column. */
export function differingColumns(shape: SummaryShape, stored: string, wanted: string): string {
  const columns = storedNames(shape).map(
    (name, index) => `count(*) FILTER (${of('l', name)} IS DISTINCT FROM ${of('s', name)}) AS c${index}`,
  );
  return `SELECT ${columns.join(', ')} FROM ${stored} AS l JOIN ${wanted} AS s ON ${of('s', shape.key.name)} = ${of('l', shape.key.name)}`;
}

/** `pw_wrong_stored` and `pw_wrong_wanted` (pw_file, pw_pos): places of the rows of either table that differ. */
export const wrongPlaces = {
  stored: `CREATE OR REPLACE TEMP TABLE pw_wrong_stored AS SELECT l.pw_file, l.pw_pos FROM pw_stored AS l SEMI JOIN (SELECT pw_key FROM pw_deviating WHERE pw_kind = 'wrongRow') AS d ON d.pw_key = l.pw_key`,
  wanted: `CREATE OR REPLACE TEMP TABLE pw_wrong_wanted AS SELECT w.pw_file, w.pw_pos FROM pw_wanted AS w SEMI JOIN (SELECT pw_key FROM pw_deviating WHERE pw_kind = 'wrongRow') AS d ON d.pw_key = w.pw_key`,
} as const;

/** The rows of latest as they must be. @param rows FROM items with an alias s: all columns; x: their rows of `pw_wanted` */
export function wantedRows(dialect: Dialect, shape: SummaryShape, rows: readonly string[]): string {
  const columns = latestColumns(dialect, shape, 's', 'x.pw_newest');
  return rows.map((from) => `SELECT ${dialect.few('x')}${columns} FROM ${from}`).join(' UNION ALL ');
}

/** FROM item: rows of a scan with what is wanted of them. @param wanted FROM item of rows of `pw_wanted` */
export function withWanted(rows: string, wanted = 'pw_wanted'): string {
  return `${rows} AS s JOIN ${wanted} AS x ON x.pw_file = s.pw_file AND x.pw_pos = s.pw_pos`;
}

function hashOf(dialect: Dialect, shape: SummaryShape, alias: string): string {
  const lists = new Set(shape.histories.map(({ name }) => name));
  const [own, others] = [true, false].map((isList) =>
    storedNames(shape)
      .filter((name) => lists.has(name) === isList)
      .map((name) => dialect.column(alias, name)),
  );
  return dialect.rowHash(others ?? [], own ?? []);
}
