import type { Dialect } from '../../engine/dialect.ts';
import { newestMonth, type SummaryShape, storedNames } from '../tables/columns.ts';
import { monthTextSql } from './months.ts';

/**
 * Which row of each touched key is in latest afterwards. `pw_next`: pw_key, known, next (its month), newest_after,
 * source: `insert` (a new row), `latest` (the row that is there, changed or not), `summary` (another stored row).
 */

/** Keys whose latest row dies and that no record of the batch follows: earlier stored rows must be looked at. */
export const searchedKeys = `SELECT pw_key FROM pw_keys WHERE known AND lat_alive AND NOT lat_alive_after AND (best IS NULL OR best < lat_month)`;

export function keysTable(dialect: Dialect): string {
  return dialect.keep(
    'pw_keys',
    `SELECT r.pw_key, any_value(r.known) AS known, any_value(r.lat_month) AS lat_month, any_value(r.newest) AS newest,
any_value(l.lat_alive) AS lat_alive, coalesce(bool_or(r.alive_after) FILTER (WHERE r.pw_month = r.lat_month), any_value(l.lat_alive)) AS lat_alive_after,
max(r.pw_month) FILTER (WHERE r.alive_after) AS best, greatest(any_value(r.newest), max(r.pw_month) FILTER (WHERE r.stored_after)) AS newest_after,
coalesce(bool_or(r.is_own) FILTER (WHERE r.pw_month = r.lat_month), false) AS own_changed
FROM pw_resolved AS r LEFT JOIN pw_lat AS l ON l.pw_key = r.pw_key GROUP BY r.pw_key HAVING bool_or(r.stored_after AND (r.is_set OR r.is_own))`,
  );
}

/** @param searched whether `pw_found` holds the newest earlier alive month of the keys that were searched */
export function nextTable(dialect: Dialect, length: number, searched: boolean): string {
  const found = searched ? 'f.pw_month' : dialect.cast('NULL', 'int');
  const join = searched ? 'LEFT JOIN pw_found AS f ON f.pw_key = k.pw_key' : '';
  return dialect.keep(
    'pw_next',
    `
WITH chosen AS (
  SELECT k.*, CASE WHEN known AND lat_alive_after THEN greatest(lat_month, best) ELSE coalesce(greatest(best, ${found}), newest_after) END AS next
  FROM pw_keys AS k ${join}
), felt AS (
  SELECT c.pw_key FROM chosen AS c JOIN pw_resolved AS r ON r.pw_key = c.pw_key AND r.is_set AND r.pw_month < c.next AND r.pw_month > c.next - ${length} GROUP BY c.pw_key
)
SELECT c.*, CASE WHEN i.pw_key IS NOT NULL THEN 'insert' WHEN c.known AND c.next = c.lat_month THEN 'latest' ELSE 'summary' END AS source
FROM chosen AS c
LEFT JOIN (SELECT pw_key, pw_month FROM pw_resolved WHERE is_insert) AS i ON i.pw_key = c.pw_key AND i.pw_month = c.next
LEFT JOIN felt AS t ON t.pw_key = c.pw_key
WHERE NOT known OR next <> lat_month OR newest_after <> newest OR own_changed OR t.pw_key IS NOT NULL`,
  );
}

/** Newest earlier month that stays alive, per searched key. @param places stored rows of those keys, and maybe of others */
export function foundTable(dialect: Dialect, places: 'pw_places' | 'pw_stored'): string {
  return dialect.keep(
    'pw_found',
    `SELECT s.pw_key, max(s.pw_month) AS pw_month FROM ${places} AS s
LEFT JOIN pw_resolved AS r ON r.pw_key = s.pw_key AND r.pw_month = s.pw_month WHERE coalesce(r.alive_after, s.pw_alive) GROUP BY s.pw_key`,
  );
}

/** `pw_from_latest`: where the rows lie that stay the latest ones and change. */
export function nextOfLatest(dialect: Dialect): string {
  return dialect.keep(
    'pw_from_latest',
    `SELECT l.pw_key, l.pw_file, l.pw_pos, x.next FROM pw_next AS x JOIN pw_lat AS l ON l.pw_key = x.pw_key WHERE x.source = 'latest'`,
  );
}

/** `pw_from_summary`: where the other stored rows lie that become the latest ones. @param places stored rows of searched keys */
export function nextOfSummary(dialect: Dialect, places: 'pw_places' | 'pw_stored' | undefined): string {
  const wanted = `SELECT pw_key, next FROM pw_next WHERE source = 'summary'`;
  const own = `SELECT o.pw_key, o.pw_file, o.pw_pos, w.next FROM (${wanted}) AS w JOIN pw_own AS o ON o.pw_key = w.pw_key AND o.pw_month = w.next`;
  const others = `SELECT s.pw_key, s.pw_file, s.pw_pos, w.next FROM (${wanted}) AS w JOIN ${places} AS s ON s.pw_key = w.pw_key AND s.pw_month = w.next`;
  return dialect.keep('pw_from_summary', places === undefined ? own : `${own} UNION ${others}`);
}

/** SELECT of stored rows that become the latest ones, as they are, with `pw_next_month`. @param rows scan of all stored columns */
export function nextRows(
  dialect: Dialect,
  shape: SummaryShape,
  wanted: 'pw_from_latest' | 'pw_from_summary',
  rows: string,
): string {
  const list = storedNames(shape).map((name) => dialect.column('s', name));
  return `SELECT w.next AS pw_next_month, ${list.join(', ')} FROM ${rows} AS s JOIN ${wanted} AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`;
}

/** SELECT of the places in latest of rows that go: pw_file, pw_pos. */
export const goneOfLatest =
  'SELECT l.pw_file, l.pw_pos FROM pw_lat AS l SEMI JOIN pw_next AS x ON x.pw_key = l.pw_key';

/** SELECT of the rows of latest that stay as they are. @param rows scan of latest with all columns */
export function carriedLatest(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const columns = [...storedNames(shape), newestMonth].map((name) => dialect.column('s', name));
  return `SELECT ${columns.join(', ')} FROM ${rows} AS s ANTI JOIN pw_next AS x ON x.pw_key = ${dialect.column('s', shape.key.name)}`;
}

/** All columns of latest from rows that have all stored columns. */
export function latestColumns(dialect: Dialect, shape: SummaryShape, alias: string, newest: string): string {
  const stored = storedNames(shape).map((name) => dialect.column(alias, name));
  const month = dialect.cast(monthTextSql(dialect, newest), 'string');
  return `${stored.join(', ')}, ${month} AS ${dialect.identifier(newestMonth)}`;
}
