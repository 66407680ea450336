import { identifier, text } from '../engine/sql.ts';
import type { TableChange } from '../run/table-change.ts';
import { tombstoneCode } from './columns.ts';
import { tableChange } from './file-changes.ts';
import type { BucketSession } from './resolve-inputs.ts';
import { standingRegister } from './sql/feed.ts';
import { monthTextSql } from './sql/months.ts';
import { of, registerNames } from './sql/names.ts';
import { tombstoneColumns } from './tables.ts';
import type { ResolveOutcome } from './types.ts';
import { writeDataFile } from './writing.ts';

/** Rewrites the bucket's tombstones when they change: deletes and feed records of months that are not stored after the run. */
export async function writeTombstones(
  bucket: BucketSession,
): Promise<{ readonly change: TableChange | undefined; readonly facts: ResolveOutcome['tombstones'] }> {
  const { session, shape, context, spec, tables } = bucket;
  const settled =
    'SELECT 1 FROM pw_resolved AS r WHERE r.pw_key = t.pw_key AND r.pw_month = t.pw_month AND (r.stored_after OR r.is_tomb)';
  const [counts] = await session.query(
    `SELECT (SELECT count(*) FROM pw_tomb) AS before, (SELECT count(*) FROM pw_tomb AS t WHERE EXISTS (${settled})) AS gone, (SELECT count(*) FROM pw_resolved WHERE is_tomb) AS fresh`,
  );
  const before = Number(counts?.['before'] ?? 0);
  const gone = Number(counts?.['gone'] ?? 0);
  const fresh = Number(counts?.['fresh'] ?? 0);
  const facts = { before, after: before - gone + fresh };
  if (gone + fresh === 0) return { change: undefined, facts };

  const registers = registerNames(shape.deletion);
  const select = (alias: 't' | 'r', prefix: string, code: string, run: string) =>
    `SELECT ${[
      `${alias}.pw_key AS ${identifier(shape.key.name)}`,
      `${monthTextSql(`${alias}.pw_month`)} AS ${identifier(shape.month.name)}`,
      `${code} AS ${tombstoneCode}`,
      ...registers.map((name, index) => `${alias}.${prefix}_${index} AS ${identifier(name)}`),
      ...(shape.feed === undefined ? [] : standingRegister(alias, alias === 't' ? 'h' : 'fa')),
      `${run} AS changed_run`,
    ].join(', ')} FROM`;
  const rows = [
    `${select('t', 't', 't.t_code', 't.t_run')} pw_tomb AS t WHERE NOT EXISTS (${settled})`,
    `${select('r', 'da', 'r.code_after', text(context.runId))} pw_resolved AS r WHERE r.is_tomb`,
  ].join(' UNION ALL ');
  const typed = tombstoneColumns(shape).map(
    ({ name, sqlType }) => `${of('u', name)}::${sqlType} AS ${identifier(name)}`,
  );
  const file = await writeDataFile({
    context,
    session,
    table: tables.tombstones,
    name: bucket.name,
    select: `SELECT ${typed.join(', ')} FROM (${rows}) AS u`,
    cell: { bucket: spec.bucket },
  });
  return {
    change: tableChange({
      role: 'tombstones',
      added: file === undefined ? [] : [file],
      removed: spec.tombstones,
    }),
    facts,
  };
}
