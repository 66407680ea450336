import type { SparkTable, SparkUnit } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import type { Location } from '../../stores/ports.ts';
import { type SparkFiles, type SparkPart, sparkDead, sparkInputs, sparkScan } from '../spark/files.ts';
import { loadChanges } from '../sql/apply.ts';
import { changeTables, listsFromChanges, patched } from '../sql/patch.ts';
import { type SummaryShape, storedNames } from '../tables/columns.ts';
import type { ApplyGroup } from '../types.ts';
import type { ChangedMonth } from './changed-months.ts';
import { changesFeltBy } from './group.ts';

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

/** Up to so many files a copied cell may keep: more of them are put together. */
const fewFiles = 2;

/**
 * A unit of `apply` as Spark runs it: all cells at once, whatever their months, since what Spark does to a statement before it
 * runs costs more than small cells do. `pw_picked` are the rows of the changed keys, `pw_new` those of them that change, as they
 * become. Each stands for itself: Spark compiles what it does to all rows into one piece of code, and again and again when it is long.
 * `pw_file` is the file's position among those of all groups, in order.
 */
export function applyForSpark(options: ApplyForSpark): SparkUnit {
  const { shape, schema, changed, groups, changeSets, runId } = options;
  const set: SparkFiles = { name: 'pw_rows', schema, files: groups.flatMap(({ files }) => files) };
  const months = groups.map(({ month }) => month);
  const felt = [...new Set(months.flatMap((month) => changesFeltBy(shape, changed, month).sets))];
  const copied = copiedPart(groups);
  const picked = sparkScan(set, { keys: { column: shape.key.name, of: 'pw_touched' } });
  const fresh = patched({
    dialect: spark,
    shape,
    month: { column: 'pw_month' },
    months: felt,
    from: 'pw_picked',
    carry: false,
    keep: ['pw_file', 'pw_pos', 'pw_o_own'],
    runId,
  });
  return {
    formatVersion: 1,
    inputs: [{ view: 'pw_change_rows', paths: changeSets }, ...sparkInputs(set, copied)],
    statements: [
      loadChanges(spark, 'pw_change_rows', Math.min(...months), Math.max(...months), shape.historyLength),
      listsFromChanges(spark, shape),
      spark.keep('pw_touched', `SELECT DISTINCT pw_key FROM ${changeTables.all}`),
      ...sparkDead(set),
      spark.keep('pw_picked', `SELECT * FROM ${picked}`),
      spark.keep('pw_new', fresh),
      ...copied.map(() => spark.keep('pw_copied', copiedFiles(groups))),
    ],
    outputs: [
      { kind: 'table', ...written(set, shape, groups, copied), path: options.rows },
      { kind: 'files', select: 'SELECT pw_file, pw_pos, pw_o_own AS pw_own FROM pw_new', path: options.hits },
    ],
    queries: {},
  };
}

/** The files of the groups that are copied once one of their rows changes; none where there are none. */
function copiedPart(groups: readonly ApplyGroup[]): readonly SparkPart[] {
  const files = new Set(
    groups.filter(({ mode }) => mode === 'copy-on-write').flatMap((group) => group.files),
  );
  return files.size === 0 ? [] : [{ suffix: '_copied', has: (file) => files.has(file) }];
}

/** The rows that are written: the new ones, and of the files that are copied the others beside them. */
function written(
  set: SparkFiles,
  shape: SummaryShape,
  groups: readonly ApplyGroup[],
  copied: readonly SparkPart[],
): Pick<SparkTable, 'select' | 'stays'> {
  const columns = storedNames(shape).map(spark.identifier);
  const fresh = `SELECT ${columns.join(', ')} FROM pw_new AS n`;
  const [part] = copied;
  if (part === undefined) return { select: fresh };
  const either = columns.map(
    (column) => `CASE WHEN n.pw_file IS NULL THEN k.${column} ELSE n.${column} END AS ${column}`,
  );
  const whole = `SELECT ${either.join(', ')} FROM ${sparkScan(set, { part })} AS k SEMI JOIN pw_copied AS f ON f.pw_file = k.pw_file LEFT JOIN pw_new AS n ON n.pw_file = k.pw_file AND n.pw_pos = k.pw_pos`;
  if (!set.files.every(part.has))
    return { select: `${fresh} ANTI JOIN pw_copied AS f ON f.pw_file = n.pw_file UNION ALL ${whole}` };
  // Cells keep at most as many files as they have when their rows stay where they are read.
  return groups.every(({ files }) => files.length <= fewFiles)
    ? {
        select: whole,
        stays: {
          rows: ['pw_new', 'pw_copied'],
          fileBytes: Math.max(...set.files.map(({ sizeBytes }) => sizeBytes)),
        },
      }
    : { select: whole };
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
  return `WITH f AS ${files} SELECT DISTINCT f.no AS pw_file FROM f SEMI JOIN (SELECT f.cell FROM f JOIN pw_new AS h ON h.pw_file = f.no) AS t ON t.cell = f.cell`;
}
