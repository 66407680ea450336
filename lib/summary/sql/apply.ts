import type { Dialect } from '../../engine/dialect.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { changeTables } from './patch.ts';

/** Keeps the part of a change set that rows of the months [first, last] can feel as `pw_changes`. @param rows FROM item */
export function loadChanges(
  dialect: Dialect,
  rows: string,
  first: number,
  last: number,
  length: number,
): string {
  return dialect.keep(
    changeTables.all,
    `SELECT * FROM ${rows} WHERE pw_month > ${first - length} AND pw_month <= ${last}`,
  );
}

/** Changed months by month: pw_month, pw_sets (other rows feel it), pw_owns (own rows change), pw_rows. @param rows FROM item */
export const changedMonths = (rows: string = changeTables.all): string =>
  `SELECT pw_month, count(*) FILTER (WHERE pw_set) AS pw_sets, count(*) FILTER (WHERE pw_own) AS pw_owns, count(*) AS pw_rows FROM ${rows} GROUP BY pw_month ORDER BY pw_month`;

/**
 * SELECT of `pw_hit` (pw_file, pw_pos, pw_key, pw_own): live rows of month `month` that a change concerns. The key pass.
 * @param rows scan of the month's keys
 */
export function hitSelect(dialect: Dialect, shape: SummaryShape, rows: string, month: number): string {
  const affected = `SELECT pw_key, bool_or(pw_own AND pw_month = ${month}) AS pw_own FROM ${changeTables.all} WHERE (pw_set AND pw_month < ${month} AND pw_month > ${month - shape.historyLength}) OR (pw_own AND pw_month = ${month}) GROUP BY pw_key`;
  return `SELECT s.pw_file, s.pw_pos, a.pw_key, a.pw_own FROM ${rows} AS s JOIN (${affected}) AS a ON a.pw_key = ${dialect.column('s', shape.key.name)}`;
}

export const hitsPerFile =
  'SELECT pw_file, count(*) AS n, count(*) FILTER (WHERE pw_own) AS owns FROM pw_hit GROUP BY pw_file ORDER BY pw_file';
