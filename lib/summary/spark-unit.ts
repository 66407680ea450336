import type { SparkInput, SparkUnit } from '../engine/spark.ts';
import { spark } from '../engine/spark-dialect.ts';
import type { Schema } from '../iceberg/types.ts';
import type { Location } from '../stores/ports.ts';
import { changesFeltBy } from './apply-group.ts';
import type { ChangedMonth } from './changed-months.ts';
import type { SummaryShape } from './columns.ts';
import { type OpenFile, spellings } from './reading.ts';
import { deleteFields, sparkType } from './spark-files.ts';
import { hitSelect, loadChanges } from './sql/apply.ts';
import { listsFromChanges, patched } from './sql/patch.ts';
import type { ApplyGroup } from './types.ts';

/** A group with its files, numbered through the unit. */
export interface SparkGroup {
  readonly group: ApplyGroup;
  readonly files: readonly OpenFile[];
}

export interface ApplyForSpark {
  readonly shape: SummaryShape;
  readonly schema: Schema;
  readonly runId: string;
  /** One group per cell at most: the rows of a cell are told apart by nothing. */
  readonly groups: readonly SparkGroup[];
  /** Change sets of the groups' buckets; keys of one are in no other. */
  readonly changeSets: readonly Location[];
  readonly changed: readonly ChangedMonth[];
  readonly deletes: readonly Location[];
  /** The Iceberg table of the unit's own that takes the new rows. */
  readonly rows: Location;
  /** Folder for the places of the changed rows: pw_file, pw_pos, pw_own. */
  readonly hits: Location;
}

/**
 * A unit of `apply` as Spark runs it: all cells of a month at once, since the positions to patch depend on the month
 * alone. Copied cells give all their rows once one of them changes, the others the changed ones.
 */
export function applyForSpark(options: ApplyForSpark): SparkUnit {
  const { shape, changed, groups, changeSets } = options;
  const months = Map.groupBy(groups, ({ group }) => group.month);
  const felt = [...months]
    .map(([month, some]) => ({ month, some, ...changesFeltBy(shape, changed, month) }))
    .filter(({ sets, owns }) => sets.length > 0 || owns);
  const all = groups.map(({ group }) => group.month);
  const deletes = options.deletes.length > 0;
  const rows = felt.map(({ month, some, sets }) =>
    patched({
      dialect: spark,
      shape,
      month,
      months: sets,
      from: scan(options, month, some, undefined),
      carry: some.some(({ group }) => group.mode === 'copy-on-write')
        ? { where: 'r.pw_file IN (SELECT pw_file FROM pw_copied)' }
        : false,
      runId: options.runId,
    }),
  );
  const hits = felt.map(({ month, some }) =>
    hitSelect(spark, shape, scan(options, month, some, [shape.key.name]), month),
  );
  return {
    formatVersion: 1,
    inputs: [
      { view: 'pw_change_rows', paths: changeSets },
      ...(deletes ? [{ view: 'pw_deletes', paths: options.deletes, fields: deleteFields }] : []),
      ...felt.map(({ month, some }) => monthInput(options, month, some)),
    ],
    statements: [
      loadChanges(spark, 'pw_change_rows', Math.min(...all), Math.max(...all), shape.historyLength),
      listsFromChanges(spark, shape),
      ...(deletes ? [deadTable(groups)] : []),
      spark.keep('pw_hit', hits.join(' UNION ALL ')),
      spark.keep('pw_copied', copiedFiles(groups)),
    ],
    outputs: [
      { kind: 'table', select: rows.join(' UNION ALL '), path: options.rows },
      { kind: 'files', select: 'SELECT pw_file, pw_pos, pw_own FROM pw_hit', path: options.hits },
    ],
    queries: {},
  };
}

function monthInput({ schema }: ApplyForSpark, month: number, some: readonly SparkGroup[]): SparkInput {
  return {
    view: `pw_rows${month}`,
    paths: some.flatMap(({ files }) => files.map(({ spec }) => spec.location)),
    fields: schema.fields.map(({ id, type }) => ({ name: `c${id}`, id, type: sparkType(type) })),
    places: true,
  };
}

/** Live rows of a month's files with their places. @param columns by name; default: all */
function scan(
  { schema, deletes }: ApplyForSpark,
  month: number,
  some: readonly SparkGroup[],
  columns: readonly string[] | undefined,
): string {
  const files = some.flatMap((one) => one.files);
  const fields = schema.fields.filter(({ name }) => columns?.includes(name) ?? true);
  const list = [
    `${spark.entry(spark.list(files.map((file) => String(file.no))), 's.file_index + 1')} AS pw_file`,
    's.file_row_number AS pw_pos',
    `${month} AS pw_month`,
    ...fields.map(({ id, name }) => `s.c${id} AS ${spark.identifier(name)}`),
  ];
  const places = `SELECT ${list.join(', ')} FROM pw_rows${month} AS s`;
  if (deletes.length === 0 || files.every((file) => file.spec.deletes.length === 0)) return `(${places})`;
  return `(SELECT s.* FROM (${places}) AS s ANTI JOIN pw_dead AS x ON x.pw_file = s.pw_file AND x.pw_pos = s.pw_pos)`;
}

/** `pw_dead` (pw_file, pw_pos): every position that a live delete file hides. */
function deadTable(groups: readonly SparkGroup[]): string {
  const names = groups.flatMap(({ files }) =>
    files
      .filter((file) => file.spec.deletes.length > 0)
      .flatMap((file) => spellings(file.spec.location).map((name) => `(${spark.text(name)}, ${file.no})`)),
  );
  return spark.keep(
    'pw_dead',
    `SELECT DISTINCT n.no AS pw_file, p.pos AS pw_pos FROM pw_deletes AS p JOIN (VALUES ${names.join(', ')}) AS n(name, no) ON p.file_path = n.name`,
  );
}

/** `pw_copied` (pw_file): files of the copied groups in which a row changes. */
function copiedFiles(groups: readonly SparkGroup[]): string {
  const copied = groups.flatMap(({ group, files }, at) =>
    group.mode === 'copy-on-write' ? files.map((file) => `(${file.no}, ${at})`) : [],
  );
  if (copied.length === 0) return 'SELECT pw_file FROM pw_hit WHERE false';
  const files = `(VALUES ${copied.join(', ')}) AS f(no, cell)`;
  return `SELECT DISTINCT f.no AS pw_file FROM ${files} JOIN (SELECT f.cell FROM ${files} JOIN pw_hit AS h ON h.pw_file = f.no) AS t ON t.cell = f.cell`;
}
