import type { Dialect } from '../../engine/dialect.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { storedAlive } from './feed.ts';
import { searchedInserts } from './inserts.ts';

/** Stored rows beside the months that come new: where they are, and what their arrays know. */

/** SELECT of pw_key, pw_month, pw_file, pw_pos, pw_alive of all stored rows of some keys. @param keys SELECT of them */
export function storedPlaces(dialect: Dialect, shape: SummaryShape, rows: string, keys: string): string {
  const key = dialect.column('s', shape.key.name);
  const state = storedAlive(dialect, shape, 's');
  return `SELECT ${key} AS pw_key, s.pw_month, s.pw_file, s.pw_pos, ${state} AS pw_alive FROM ${rows} AS s WHERE ${key} IN (${keys})`;
}

/** `pw_near`: the nearest earlier and later stored months of inserts that latest cannot tell about. */
export function nearTable(dialect: Dialect, length: number): string {
  const reach = length - 1;
  return dialect.keep(
    'pw_near',
    `SELECT i.pw_key, i.pw_month, max(s.pw_month) FILTER (WHERE s.pw_month < i.pw_month) AS earlier, min(s.pw_month) FILTER (WHERE s.pw_month > i.pw_month) AS later FROM (${searchedInserts}) AS i LEFT JOIN pw_stored AS s ON s.pw_key = i.pw_key AND s.pw_month BETWEEN i.pw_month - ${reach} AND i.pw_month + ${reach} GROUP BY i.pw_key, i.pw_month`,
  );
}

/** `pw_neighbour`: (pw_key, pw_month) of the rows whose arrays are needed. */
export function neighbourTable(dialect: Dialect): string {
  return dialect.keep(
    'pw_neighbour',
    'SELECT pw_key, earlier AS pw_month FROM pw_ins WHERE earlier IS NOT NULL UNION SELECT pw_key, later FROM pw_ins WHERE later IS NOT NULL',
  );
}

/** `pw_want_latest`: where those lie that latest has. */
export function wantedOfLatest(dialect: Dialect): string {
  return dialect.keep(
    'pw_want_latest',
    'SELECT n.pw_key, n.pw_month, l.pw_file, l.pw_pos, l.lat_alive FROM pw_neighbour AS n JOIN pw_lat AS l ON l.pw_key = n.pw_key AND l.lat_month = n.pw_month',
  );
}

/** `pw_want_summary`: where the others lie. Needs `pw_stored`. */
export function wantedOfSummary(dialect: Dialect): string {
  return dialect.keep(
    'pw_want_summary',
    'SELECT n.pw_key, n.pw_month, s.pw_file, s.pw_pos, s.pw_alive FROM pw_neighbour AS n JOIN pw_stored AS s ON s.pw_key = n.pw_key AND s.pw_month = n.pw_month ANTI JOIN pw_want_latest AS l ON l.pw_key = n.pw_key AND l.pw_month = n.pw_month',
  );
}

/** SELECT of pw_key, pw_month, pw_alive and the arrays of wanted rows. @param rows scan of the arrays */
export function sourceArrays(
  dialect: Dialect,
  shape: SummaryShape,
  wanted: 'pw_want_latest' | 'pw_want_summary',
  rows: string,
): string {
  const arrays = shape.histories.map((column) => dialect.identifier(column.name)).join(', ');
  const state = wanted === 'pw_want_latest' ? 'w.lat_alive AS pw_alive' : 'w.pw_alive';
  return `SELECT w.pw_key, w.pw_month, ${state}, ${arrays} FROM ${rows} AS s JOIN ${wanted} AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`;
}
