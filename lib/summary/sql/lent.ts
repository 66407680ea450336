import type { Dialect } from '../../engine/dialect.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { lentColumn } from './feed.ts';

/** Months that the deletions feed brings back, whose values no record of the batch has. */

/** `pw_lend`: where their rows lie. */
export function lendTable(dialect: Dialect): string {
  return dialect.keep(
    'pw_lend',
    'SELECT pw_key, pw_month, pw_file, pw_pos FROM pw_resolved WHERE stored AND is_set AND alive_after AND NOT n_new',
  );
}

/** Array column to read per collected scalar. Entry 0 of an array is the record's own value, whatever the row shows beside it. */
export function lentArrays(shape: SummaryShape): ReadonlyMap<string, string> {
  return new Map(shape.histories.map(({ name, from }) => [from, name]));
}

/** SELECT of `pw_lent` (pw_key, pw_month and one column per collected scalar). @param rows scan of the arrays */
export function lentValues(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const values = [...lentArrays(shape)].map(
    ([from, name]) => `${dialect.entry(dialect.column('s', name), 1)} AS ${lentColumn(dialect, from)}`,
  );
  return `SELECT w.pw_key, w.pw_month, ${values.join(', ')} FROM ${rows} AS s JOIN pw_lend AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`;
}
