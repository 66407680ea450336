import type { Dialect } from '../../engine/dialect.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { batchRow } from './classify.ts';
import { lentColumn, standingRegisters } from './feed.ts';
import { payload } from './names.ts';
import { changeTables } from './patch.ts';

/** Which resolved months become rows of the change set: those that other rows of the batch or the tables depend on. */
export type ChangeScope = 'all' | 'stored';

/*
 * A LEFT JOIN whose condition tests its left side alone runs as a nested loop, so such tests go into the key.
 */

/**
 * `pw_changes`, one row per changed (key, month):
 * - pw_set: other rows of the key hold this month's value; pw_own: the month's stored row changes itself
 * - pw_rec: its record is new, the scalars below are that record's; pw_alive: the month is alive afterwards
 * - pw_version: newest record or delete behind the change; pw_code: delete code while deleted; with a deletions feed
 *   pw_date and pw_code are what the row shows, alive or not
 * - pw_felt: a row that is stored already may hold this month
 * - the scalars (all for own rows, else only those that a history collects) and both registers as stored
 *
 * `stored` leaves out months that no stored row can feel: newer than the key's newest stored month.
 */
export function changesTable(dialect: Dialect, shape: SummaryShape, scope: ChangeScope): string {
  const { column: of, identifier } = dialect;
  const collected = new Set(shape.histories.map((history) => history.from));
  const scalars = payload(shape).map((column) => {
    const value = of('n', column.name);
    const name = identifier(column.name);
    const lent = `CASE WHEN r.n_new THEN ${value} ELSE l.${lentColumn(dialect, column.name)} END`;
    return collected.has(column.name)
      ? `${shape.feed === undefined ? value : lent} AS ${name}`
      : `CASE WHEN r.is_own THEN ${value} END AS ${name}`;
  });
  const registers = standingRegisters(dialect, shape, 'r');
  const shown =
    shape.feed === undefined ? 'r.code_after AS pw_code' : 'r.shown_code AS pw_code, r.shown_date AS pw_date';
  const lent =
    shape.feed === undefined
      ? ''
      : ' LEFT JOIN pw_lent AS l ON l.pw_key = r.pw_key AND l.pw_month = r.pw_month';
  const within = scope === 'all' ? '' : ' AND r.known AND r.pw_month <= r.newest';
  return dialect.keep(
    changeTables.all,
    `SELECT r.pw_key, r.pw_month, r.is_set AS pw_set, r.is_own AS pw_own, r.n_new AS pw_rec, r.alive_after AS pw_alive, r.version_now AS pw_version, ${shown}, (r.known AND r.pw_month <= r.newest) AS pw_felt, ${[...scalars, ...registers].join(', ')}
FROM pw_resolved AS r LEFT JOIN pw_batch AS n ON ${batchRow(dialect, 'n')} = CASE WHEN r.n_new THEN r.n_row END${lent} WHERE (r.is_set OR r.is_own)${within}`,
  );
}
