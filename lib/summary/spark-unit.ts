import type { SparkUnit } from '../engine/spark.ts';
import { spark } from '../engine/spark-dialect.ts';
import type { Location } from '../stores/ports.ts';
import { changesFeltBy } from './apply-group.ts';
import type { ChangedMonth } from './changed-months.ts';
import type { SummaryShape } from './columns.ts';
import { type SparkFiles, type SparkPart, sparkDead, sparkInputs, sparkScan } from './spark-files.ts';
import { hitsOfMonths, loadChanges } from './sql/apply.ts';
import { listsFromChanges, patched } from './sql/patch.ts';
import type { ApplyGroup } from './types.ts';

export interface ApplyForSpark {
  readonly shape: SummaryShape;
  readonly schema: SparkFiles['schema'];
  readonly runId: string;
  /** One group per cell at most: the rows of a cell are told apart by nothing. */
  readonly groups: readonly ApplyGroup[];
  /** Change sets of the groups' buckets; keys of one are in no other. */
  readonly changeSets: readonly Location[];
  readonly changed: readonly ChangedMonth[];
  /** The Iceberg table of the unit's own that takes the new rows. */
  readonly rows: Location;
  /** Folder for the places of the changed rows: pw_file, pw_pos, pw_own. */
  readonly hits: Location;
}

/**
 * A unit of `apply` as Spark runs it: all cells at once, whatever their months, since what Spark does to a statement before it
 * runs costs more than small cells do. Copied cells give all their rows once one of them changes, the others the changed ones.
 * `pw_file` is the file's position among those of all groups, in order.
 */
export function applyForSpark(options: ApplyForSpark): SparkUnit {
  const { shape, schema, changed, groups, changeSets, runId } = options;
  const set: SparkFiles = { name: 'pw_rows', schema, files: groups.flatMap(({ files }) => files) };
  const months = groups.map(({ month }) => month);
  const felt = [...new Set(months.flatMap((month) => changesFeltBy(shape, changed, month).sets))];
  const [kept, copied] = [partOf(groups, 'merge-on-read'), partOf(groups, 'copy-on-write')];
  const keys = sparkScan(set, { columns: [shape.key.name] });
  return {
    formatVersion: 1,
    inputs: [{ view: 'pw_change_rows', paths: changeSets }, ...sparkInputs(set, [...kept, ...copied])],
    statements: [
      loadChanges(spark, 'pw_change_rows', Math.min(...months), Math.max(...months), shape.historyLength),
      listsFromChanges(spark, shape),
      ...sparkDead(set),
      spark.keep('pw_hit', hitsOfMonths(spark, shape, keys, felt)),
      ...copied.map(() => spark.keep('pw_copied', copiedFiles(groups))),
    ],
    outputs: [
      {
        kind: 'table',
        select: patched({
          dialect: spark,
          shape,
          month: { column: 'pw_month' },
          months: felt,
          from: written(set, kept, copied),
          carry: copied.length === 0 ? false : { where: 'r.pw_file IN (SELECT pw_file FROM pw_copied)' },
          runId,
        }),
        path: options.rows,
      },
      { kind: 'files', select: 'SELECT pw_file, pw_pos, pw_own FROM pw_hit', path: options.hits },
    ],
    queries: {},
  };
}

/** The files of the groups that are rewritten in a way; none where there are none. */
function partOf(groups: readonly ApplyGroup[], mode: ApplyGroup['mode']): readonly SparkPart[] {
  const files = new Set(groups.filter((group) => group.mode === mode).flatMap((group) => group.files));
  return files.size === 0
    ? []
    : [{ suffix: mode === 'copy-on-write' ? '_copied' : '_kept', has: (file) => files.has(file) }];
}

/**
 * FROM item: the rows that are written, before they change. They are picked out by their places before anything is computed, since
 * Spark makes a row of all columns for what it computes.
 */
function written(set: SparkFiles, kept: readonly SparkPart[], copied: readonly SparkPart[]): string {
  const rows = [
    ...kept.map(
      (part) =>
        `SELECT k.* FROM ${sparkScan(set, { part })} AS k SEMI JOIN pw_hit AS h ON h.pw_file = k.pw_file AND h.pw_pos = k.pw_pos`,
    ),
    ...copied.map(
      (part) =>
        `SELECT k.* FROM ${sparkScan(set, { part })} AS k SEMI JOIN pw_copied AS h ON h.pw_file = k.pw_file`,
    ),
  ];
  return `(${rows.join(' UNION ALL ')})`;
}

/** SELECT of `pw_copied` (pw_file): files of the copied groups in which a row changes. */
function copiedFiles(groups: readonly ApplyGroup[]): string {
  const cells = groups.flatMap(({ files }, cell) => files.map(() => cell));
  const copied = cells
    .map((cell, no) => ({ cell, no }))
    .filter(({ cell }) => groups[cell]?.mode === 'copy-on-write');
  const columns = {
    no: spark.constants(
      copied.map(({ no }) => no),
      'int',
    ),
    cell: spark.constants(
      copied.map(({ cell }) => cell),
      'int',
    ),
  };
  const files = `(SELECT ${spark.unnested(columns)})`;
  return `WITH f AS ${files} SELECT DISTINCT f.no AS pw_file FROM f SEMI JOIN (SELECT f.cell FROM f JOIN pw_hit AS h ON h.pw_file = f.no) AS t ON t.cell = f.cell`;
}
