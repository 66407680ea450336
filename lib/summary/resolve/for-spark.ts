import type { SparkInput, SparkUnit } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import type { SparkRows } from '../../run/spark/rows.ts';
import type { Location } from '../../stores/ports.ts';
import {
  type SparkFiles,
  type SparkPart,
  sparkDead,
  sparkDeadRows,
  sparkInputs,
  sparkScan,
} from '../spark/files.ts';
import { changedMonths } from '../sql/apply.ts';
import { changesTable } from '../sql/changes.ts';
import {
  batchTable,
  candidateTable,
  caseCounts,
  latestTable,
  ownTable,
  registerColumnNames,
  resolvedTable,
  storedTwice,
  tombstoneTable,
} from '../sql/classify.ts';
import { feedTable } from '../sql/feed.ts';
import { insertsTable, searchedInserts } from '../sql/inserts.ts';
import { keyLines } from '../sql/inserts-at-once.ts';
import {
  foundTable,
  goneOfLatest,
  keysTable,
  nextOfLatest,
  nextOfSummary,
  nextTable,
  searchedKeys,
} from '../sql/latest.ts';
import { lendTable, lentArrays, lentValues } from '../sql/lent.ts';
import {
  nearTable,
  neighbourTable,
  sourceArrays,
  storedPlaces,
  wantedOfLatest,
  wantedOfSummary,
} from '../sql/neighbours.ts';
import { changeTables, listsFromChanges } from '../sql/patch.ts';
import { tombstoneCounts } from '../sql/tombstones.ts';
import { newestMonth, type SummaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import type { ResolveSpec } from '../types.ts';
import { type CopyRule, totalRows } from './replace-latest.ts';
import { makesLines, newRows, only, several } from './rows-for-spark.ts';
import { isFirstLoad } from './slices.ts';

export interface ResolveForSpark {
  readonly shape: SummaryShape;
  readonly spec: ResolveSpec;
  readonly runId: string;
  readonly onStale: 'ignore' | 'apply';
  readonly tables: Readonly<Record<Role, SparkFiles>>;
  readonly copyRule: CopyRule;
  /** Iceberg tables of the unit's own that take the new rows. */
  readonly rows: Readonly<Record<Role, SparkRows>>;
  /** Folder of the change set. */
  readonly changeSet: Location;
  /** Folder for the places of rows of latest that go: pw_file, pw_pos. */
  readonly gone: Location;
}

/**
 * A unit of `resolve` as Spark runs it. What the work by DuckDB asks before it goes on, is here a statement that also
 * fits when there is nothing: the answers of the unit say afterwards what was found.
 */
export function resolveForSpark(options: ResolveForSpark): SparkUnit {
  const { shape, spec, tables } = options;
  const rows = newRows(options);
  return {
    formatVersion: 1,
    inputs: [
      ...preparedInput('pw_prepared', spec.sources, true),
      ...(shape.feed === undefined ? [] : preparedInput('pw_prepared_feed', spec.feed, false)),
      ...sparkInputs(tables.summary, [ownCells(spec), within(options)]),
      ...sparkInputs(tables.latest),
      ...sparkInputs(tables.tombstones),
    ],
    statements: [
      ...sparkDead(tables.summary),
      ...sparkDead(tables.latest),
      ...sparkDead(tables.tombstones),
      ...judged(options),
      ...changes(options),
      keysTable(spark),
      ...stored(options),
      ...inserts(options),
      ...next(options),
      factsTable(options),
    ],
    outputs: [
      { kind: 'table', select: rows.summary, path: options.rows.summary.location },
      { kind: 'table', select: rows.latest, path: options.rows.latest.location },
      { kind: 'table', select: rows.tombstones, path: options.rows.tombstones.location },
      {
        kind: 'files',
        select: `SELECT * FROM ${changeTables.all} WHERE pw_felt`,
        path: options.changeSet,
      },
      { kind: 'files', select: `${goneOfLatest} ${only('NOT copied')}`, path: options.gone },
    ],
    queries: {
      cases: caseCounts(spark, shape),
      facts: 'SELECT * FROM pw_facts',
      changed: changedMonths(`(SELECT * FROM ${changeTables.all} WHERE pw_felt)`),
      twiceInSummary: storedTwice.own,
      twiceInLatest: storedTwice.latest,
    },
  };
}

function preparedInput(view: string, paths: readonly Location[], places: boolean): readonly SparkInput[] {
  return paths.length === 0 ? [] : [{ view, paths, ...(places ? { places } : {}) }];
}

/** The cells of the batch's months. */
function ownCells({ months }: ResolveSpec): SparkPart {
  const own = new Set(months.map(([month]) => month));
  return { suffix: '_own', has: ({ month }) => own.has(month) };
}

/** From `pw_batch` to `pw_resolved`. */
function judged({ shape, spec, tables, onStale }: ResolveForSpark): readonly string[] {
  const registers = registerColumnNames(shape);
  const prepared = (view: string, paths: readonly Location[]) => ({
    from: paths.length === 0 ? undefined : view,
    where: `bucket = ${spec.bucket}`,
  });
  return [
    batchTable(spark, shape, prepared('pw_prepared', spec.sources)),
    ...(shape.feed === undefined
      ? []
      : [feedTable(spark, shape, shape.feed, prepared('pw_prepared_feed', spec.feed))]),
    candidateTable(spark, shape),
    ownTable(spark, shape, sparkScan(tables.summary, { columns: registers, part: ownCells(spec) })),
    latestTable(
      spark,
      shape,
      sparkScan(tables.latest, { columns: [...registers, shape.month.name, newestMonth] }),
    ),
    tombstoneTable(spark, shape, sparkScan(tables.tombstones)),
    resolvedTable(spark, shape, onStale),
  ];
}

/** `pw_changes` and `pw_lists`. */
function changes(options: ResolveForSpark): readonly string[] {
  const { shape, spec, tables } = options;
  const rows = () =>
    sparkScan(tables.summary, { columns: [...new Set(lentArrays(shape).values())], part: ownCells(spec) });
  return [
    ...(shape.feed === undefined
      ? []
      : [lendTable(spark), spark.keep('pw_lent', lentValues(spark, shape, rows()))]),
    changesTable(spark, shape, several(options) ? 'all' : 'stored'),
    listsFromChanges(spark, shape),
  ];
}

/** `pw_stored`: stored rows of keys for which latest does not tell enough; `pw_found`. */
function stored({ shape, spec, tables }: ResolveForSpark): readonly string[] {
  if (isFirstLoad(spec)) return [];
  const rows = sparkScan(tables.summary, { columns: registerColumnNames(shape) });
  const keys = `SELECT pw_key FROM (${searchedInserts}) UNION ${searchedKeys}`;
  return [spark.keep('pw_stored', storedPlaces(spark, shape, rows, keys)), foundTable(spark, 'pw_stored')];
}

/** `pw_ins` and what its arrays are made of. */
function inserts(options: ResolveForSpark): readonly string[] {
  const { shape, spec, tables } = options;
  const columns = shape.histories.map(({ name }) => name);
  const lines = makesLines(options) ? [keyLines(spark, shape)] : [];
  if (isFirstLoad(spec)) return [insertsTable(spark, false), ...lines];
  const sources = [
    sourceArrays(spark, shape, 'pw_want_latest', sparkScan(tables.latest, { columns })),
    sourceArrays(
      spark,
      shape,
      'pw_want_summary',
      sparkScan(tables.summary, { columns, part: within(options) }),
    ),
  ];
  return [
    nearTable(spark, shape.historyLength),
    insertsTable(spark, true),
    neighbourTable(spark),
    wantedOfLatest(spark),
    wantedOfSummary(spark),
    spark.keep('pw_src', sources.join(' UNION ALL ')),
    ...lines,
  ];
}

/** The cells that an array of a month of the batch can reach, to either side. */
function within({ spec, shape }: ResolveForSpark): SparkPart {
  const months = spec.months.map(([month]) => month);
  const [first, last] = [Math.min(...months), Math.max(...months)];
  const reach = shape.historyLength - 1;
  return { suffix: '_near', has: ({ month }) => month >= first - reach && month <= last + reach };
}

/** `pw_next` and where its rows lie. */
function next({ shape, spec }: ResolveForSpark): readonly string[] {
  if (isFirstLoad(spec)) return [nextTable(spark, shape.historyLength, false)];
  return [
    nextTable(spark, shape.historyLength, true),
    nextOfLatest(spark),
    nextOfSummary(spark, 'pw_stored'),
  ];
}

/** `pw_facts`: one row of what there was to do. */
function factsTable({ tables, copyRule }: ResolveForSpark): string {
  const dead = sparkDeadRows(tables.latest);
  const live = `${totalRows(tables.latest.files)} - ${dead}`;
  const copied = {
    never: 'false',
    whenRowsGo: 'removed > 0',
    whenAllGo: `removed > 0 AND removed = ${live}`,
    aboveDead:
      copyRule.copies === 'aboveDead'
        ? `removed > 0 AND (removed = ${live} OR removed + ${dead} > ${spark.cast(spark.text(String(copyRule.deadRows)), 'double')})`
        : 'false',
  };
  const columns = [
    't.*',
    'x.*',
    `${live} AS live_before`,
    `(${copied[copyRule.copies]}) AS copied`,
    '(SELECT count(*) FROM pw_resolved WHERE is_insert) AS inserted',
    `(SELECT count(*) FROM ${changeTables.all} WHERE pw_felt) AS felt`,
  ];
  return spark.keep(
    'pw_facts',
    `SELECT ${columns.join(', ')} FROM (${tombstoneCounts}) AS t CROSS JOIN (SELECT count(*) AS added, count(*) FILTER (WHERE known) AS removed FROM pw_next) AS x`,
  );
}
