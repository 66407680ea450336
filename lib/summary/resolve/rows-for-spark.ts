import { spark } from '../../engine/spark-dialect.ts';
import { sparkScan } from '../spark/files.ts';
import { worthLines } from '../sql/inserts.ts';
import { insertRows } from '../sql/inserts-at-once.ts';
import { carriedLatest, latestColumns, nextRows } from '../sql/latest.ts';
import { patched } from '../sql/patch.ts';
import { tombstonesAfter } from '../sql/tombstones.ts';
import { newestMonth, storedNames } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import type { ResolveForSpark } from './for-spark.ts';
import { isFirstLoad } from './slices.ts';

/** The rows that a unit of `resolve` writes by Spark, as SELECTs over what its statements have kept. */

/** Whether the batch can have several months of a key. */
export function several({ spec }: ResolveForSpark): boolean {
  return spec.months.length > 1;
}

/** Whether `pw_key_lines` is made. */
export function makesLines({ spec }: ResolveForSpark): boolean {
  return worthLines(spec.months.map(([month]) => month));
}

/** Behind a FROM item: lets its rows through when the facts meet a condition, and is read before they are. */
export function only(condition: string): string {
  return `CROSS JOIN (SELECT 1 AS pw_one FROM pw_facts WHERE ${condition}) AS y`;
}

export function newRows(options: ResolveForSpark): Readonly<Record<Role, string>> {
  const { shape, spec, runId } = options;
  const insertsOf = (from: string) =>
    insertRows({
      dialect: spark,
      shape,
      from,
      runId,
      stored: !isFirstLoad(spec),
      several: several(options),
      lines: makesLines(options),
    });
  const newest = `(SELECT i.* FROM pw_ins AS i SEMI JOIN pw_next AS x ON x.pw_key = i.pw_key AND x.next = i.pw_month AND x.source = 'insert')`;
  const key = spark.column('s', shape.key.name);
  const ofLatest = (rows: string) =>
    `SELECT ${latestColumns(spark, shape, 's', 'x.newest_after')} FROM (${rows}) AS s JOIN pw_next AS x ON x.pw_key = ${key}`;
  return {
    summary: insertsOf('pw_ins'),
    latest: [ofLatest(insertsOf(newest)), ...storedLatest(options, ofLatest)].join(' UNION ALL '),
    tombstones: `SELECT r.* FROM (${tombstonesAfter(spark, shape, runId)}) AS r ${only('gone + fresh > 0')}`,
  };
}

/** Rows of latest out of stored rows: those that change, and the others where the files are copied. */
function storedLatest(options: ResolveForSpark, ofLatest: (rows: string) => string): readonly string[] {
  const { shape, spec, tables, runId, copyRule } = options;
  if (isFirstLoad(spec)) return [];
  const columns = storedNames(shape);
  const rows = [
    nextRows(spark, shape, 'pw_from_latest', sparkScan(tables.latest, { columns })),
    nextRows(spark, shape, 'pw_from_summary', sparkScan(tables.summary, { columns })),
  ].join(' UNION ALL ');
  const changed = patched({
    dialect: spark,
    shape,
    month: { column: 'pw_next_month' },
    months: spec.months.map(([month]) => month),
    from: `(${rows})`,
    carry: true,
    runId,
  });
  if (copyRule.copies === 'never') return [ofLatest(changed)];
  const all = sparkScan(tables.latest, { columns: [...columns, newestMonth] });
  return [ofLatest(changed), `SELECT r.* FROM (${carriedLatest(spark, shape, all)}) AS r ${only('copied')}`];
}
