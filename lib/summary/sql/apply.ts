import { text } from '../../engine/sql.ts';
import type { SummaryShape } from '../columns.ts';
import { type OpenFile, type OpenFiles, scan } from '../reading.ts';
import { of } from './names.ts';
import { changeTables } from './patch.ts';

/** Loads the part of a change set that rows of the months [first, last] can feel as `pw_changes`. */
export function loadChanges(path: string, first: number, last: number, length: number): string {
  return `CREATE OR REPLACE TEMP TABLE ${changeTables.all} AS SELECT * FROM read_parquet(${text(path)}) WHERE pw_month > ${first - length} AND pw_month <= ${last}`;
}

/** Changed months by month: pw_month, pw_sets (other rows feel it), pw_owns (own rows change). */
export const changedMonths = `SELECT pw_month, count(*) FILTER (pw_set) AS pw_sets, count(*) FILTER (pw_own) AS pw_owns FROM ${changeTables.all} GROUP BY pw_month ORDER BY pw_month`;

/** `pw_hit` (pw_file, pw_pos, pw_key, pw_own): live rows of month `month` that a change concerns. The key pass. */
export function hitTable(
  shape: SummaryShape,
  set: OpenFiles,
  files: readonly OpenFile[],
  month: number,
): string {
  const affected = `SELECT pw_key, bool_or(pw_own AND pw_month = ${month}) AS pw_own FROM ${changeTables.all} WHERE (pw_set AND pw_month < ${month} AND pw_month > ${month - shape.historyLength}) OR (pw_own AND pw_month = ${month}) GROUP BY pw_key`;
  return `CREATE OR REPLACE TEMP TABLE pw_hit AS SELECT s.pw_file, s.pw_pos, a.pw_key, a.pw_own FROM ${scan(set, { columns: [shape.key.name], files })} AS s JOIN (${affected}) AS a ON a.pw_key = ${of('s', shape.key.name)}`;
}

export const hitsPerFile =
  'SELECT pw_file, count(*) AS n, count(*) FILTER (pw_own) AS owns FROM pw_hit GROUP BY pw_file ORDER BY pw_file';
