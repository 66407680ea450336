import type { Dialect } from '../../engine/dialect.ts';
import { type SummaryShape, tombstoneCode } from '../tables/columns.ts';
import { tombstoneColumns } from '../tables/tables.ts';
import { standingRegister } from './feed.ts';
import { monthTextSql } from './months.ts';
import { registerNames } from './names.ts';

/** Tombstones that the run takes over: their month is stored, or has a newer delete or feed record. */
const settled =
  'SELECT 1 FROM pw_resolved AS r WHERE r.pw_key = t.pw_key AND r.pw_month = t.pw_month AND (r.stored_after OR r.is_tomb)';

/** One row: how many tombstones there are, how many of them go, and how many come. */
export const tombstoneCounts = `SELECT (SELECT count(*) FROM pw_tomb) AS before, (SELECT count(*) FROM pw_tomb AS t WHERE EXISTS (${settled})) AS gone, (SELECT count(*) FROM pw_resolved WHERE is_tomb) AS fresh`;

/** All tombstones as they are afterwards. */
export function tombstonesAfter(dialect: Dialect, shape: SummaryShape, runId: string): string {
  const { identifier } = dialect;
  const registers = registerNames(shape.deletion);
  const select = (alias: 't' | 'r', prefix: string, code: string, run: string) =>
    `SELECT ${[
      `${alias}.pw_key AS ${identifier(shape.key.name)}`,
      `${monthTextSql(dialect, `${alias}.pw_month`)} AS ${identifier(shape.month.name)}`,
      `${code} AS ${tombstoneCode}`,
      ...registers.map((name, index) => `${alias}.${prefix}_${index} AS ${identifier(name)}`),
      ...(shape.feed === undefined ? [] : standingRegister(alias, alias === 't' ? 'h' : 'fa')),
      `${run} AS changed_run`,
    ].join(', ')} FROM`;
  const rows = [
    `${select('t', 't', 't.t_code', 't.t_run')} pw_tomb AS t WHERE NOT EXISTS (${settled})`,
    `${select('r', 'da', 'r.code_after', dialect.text(runId))} pw_resolved AS r WHERE r.is_tomb`,
  ].join(' UNION ALL ');
  const typed = tombstoneColumns(shape).map(
    ({ name, icebergType }) =>
      `${dialect.cast(dialect.column('u', name), icebergType)} AS ${identifier(name)}`,
  );
  return `SELECT ${typed.join(', ')} FROM (${rows}) AS u`;
}
