import type { Dialect } from '../../engine/dialect.ts';
import { newestMonth, type SummaryShape, storedNames } from '../columns.ts';
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

/** Newest earlier month that stays alive, per searched key. */
export function foundTable(dialect: Dialect): string {
  return dialect.keep(
    'pw_found',
    `SELECT s.pw_key, max(s.pw_month) AS pw_month FROM pw_places AS s
LEFT JOIN pw_resolved AS r ON r.pw_key = s.pw_key AND r.pw_month = s.pw_month WHERE coalesce(r.alive_after, s.pw_alive) GROUP BY s.pw_key`,
  );
}

/** All columns of latest from rows that have all stored columns. */
export function latestColumns(dialect: Dialect, shape: SummaryShape, alias: string, newest: string): string {
  const stored = storedNames(shape).map((name) => dialect.column(alias, name));
  const month = dialect.cast(monthTextSql(dialect, newest), 'string');
  return `${stored.join(', ')}, ${month} AS ${dialect.identifier(newestMonth)}`;
}
