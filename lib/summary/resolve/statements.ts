import { duckDb } from '../../engine/duckdb-dialect.ts';
import { plannedUnits } from '../../run/units/planned-units.ts';
import type { Plan, UnitStatements } from '../../run/workload.ts';
import { type OpenFile, type OpenFiles, scan } from '../files/reading.ts';
import { unitTable } from '../files/tables-io.ts';
import { changesTable } from '../sql/changes.ts';
import {
  batchTable,
  candidateTable,
  latestTable,
  ownTable,
  registerColumnNames,
  resolvedTable,
  tombstoneTable,
} from '../sql/classify.ts';
import { feedTable } from '../sql/feed.ts';
import { insertSelect, insertsTable, searchedInserts } from '../sql/inserts.ts';
import {
  foundTable,
  keysTable,
  nextOfLatest,
  nextOfSummary,
  nextRows,
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
import { listsFromChanges } from '../sql/patch.ts';
import { tombstonesAfter } from '../sql/tombstones.ts';
import { newestMonth, type SummaryShape, storedNames, summaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import type { FileSpec, ResolveSpec, SummaryContext } from '../types.ts';
import { resolveForSpark } from './for-spark.ts';
import { preparedRows } from './inputs.ts';
import { copyRule } from './replace-latest.ts';

/**
 * The statements of the units of `resolve`, of as many units of each engine as asked for. Made from the plan alone: those of
 * DuckDB as if every question that the unit asks on its way were answered with yes.
 */
export async function* resolveStatements(
  context: SummaryContext,
  plan: Plan,
  unitsOfEach: number,
): AsyncGenerator<UnitStatements> {
  const told = { duckdb: 0, spark: 0 };
  for await (const { item, spec } of plannedUnits<ResolveSpec>(context, plan, 'resolve')) {
    if (spec.strategy !== 'partitionwise') continue;
    const engine = spec.engine ?? 'duckdb';
    told[engine] += 1;
    if (told[engine] > unitsOfEach) continue;
    const statements = await statementsOf[engine]({
      context,
      plan,
      spec,
      shape: summaryShape(context.config),
    });
    yield { unit: `resolve/${item.unit}`, engine, statements };
  }
}

interface Parts {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly spec: ResolveSpec;
  readonly shape: SummaryShape;
}

const statementsOf = { duckdb: duckDbStatements, spark: sparkStatements } as const;

async function sparkStatements({ context, plan, spec, shape }: Parts): Promise<readonly string[]> {
  const files = async (role: Role) => ({
    name: `pw_${role}`,
    schema: (await unitTable(context, plan, role)).schema,
    files: spec[role],
  });
  const nowhere = { location: '' };
  const unit = resolveForSpark({
    shape,
    spec,
    runId: context.runId,
    onStale: context.config.onStale,
    tables: {
      summary: await files('summary'),
      latest: await files('latest'),
      tombstones: await files('tombstones'),
    },
    copyRule: copyRule(context.config.work, spec.latest),
    rows: { summary: nowhere, latest: nowhere, tombstones: nowhere },
    changeSet: '',
    gone: '',
  });
  return [...unit.statements, ...unit.outputs.map(({ select }) => select)];
}

async function duckDbStatements({ context, plan, spec, shape }: Parts): Promise<readonly string[]> {
  const open = async (role: Role): Promise<OpenFiles> => ({
    name: `pw_${role}`,
    schema: (await unitTable(context, plan, role)).schema,
    files: spec[role].map((file: FileSpec, no): OpenFile => ({ spec: file, no, path: file.location })),
  });
  const files = {
    summary: await open('summary'),
    latest: await open('latest'),
    tombstones: await open('tombstones'),
  };
  const { runId } = context;
  const length = shape.historyLength;
  const registers = registerColumnNames(shape);
  const arrays = shape.histories.map(({ name }) => name);
  const months = spec.months.map(([month]) => month);
  const own = files.summary.files.filter((file) => months.includes(file.spec.month));
  const prepared = (key: string, from: readonly string[]) => preparedRows(from, key, spec.bucket, undefined);
  const state = scan(files.summary, { columns: registers });
  const columns = storedNames(shape);
  return [
    batchTable(duckDb, shape, prepared(shape.key.name, spec.sources)),
    ...(shape.feed === undefined ? [] : [feedTable(duckDb, shape, shape.feed, prepared('key', spec.feed))]),
    candidateTable(duckDb, shape),
    ownTable(duckDb, shape, scan(files.summary, { files: own, columns: registers })),
    latestTable(
      duckDb,
      shape,
      scan(files.latest, { columns: [...registers, shape.month.name, newestMonth] }),
    ),
    tombstoneTable(duckDb, shape, scan(files.tombstones)),
    resolvedTable(duckDb, shape, context.config.onStale),
    ...(shape.feed === undefined ? [] : lentStatements(shape, files.summary)),
    changesTable(duckDb, shape, months.length > 1 ? 'all' : 'stored'),
    listsFromChanges(duckDb, shape),
    duckDb.keep('pw_stored', storedPlaces(duckDb, shape, state, `SELECT pw_key FROM (${searchedInserts})`)),
    nearTable(duckDb, length),
    insertsTable(duckDb, true),
    neighbourTable(duckDb),
    wantedOfLatest(duckDb),
    wantedOfSummary(duckDb),
    duckDb.keep(
      'pw_src',
      [
        sourceArrays(
          duckDb,
          shape,
          'pw_want_latest',
          scan(files.latest, { columns: arrays, wanted: 'pw_want_latest' }),
        ),
        sourceArrays(
          duckDb,
          shape,
          'pw_want_summary',
          scan(files.summary, { columns: arrays, wanted: 'pw_want_summary' }),
        ),
      ].join(' UNION ALL '),
    ),
    ...months.map((month) =>
      insertSelect({
        shape,
        month,
        months: months.filter((other) => other < month && other > month - length),
        hasEarlier: true,
        hasLater: true,
        runId,
        keys: 'all',
      }),
    ),
    keysTable(duckDb),
    duckDb.keep('pw_places', storedPlaces(duckDb, shape, state, searchedKeys)),
    foundTable(duckDb, 'pw_places'),
    nextTable(duckDb, length, true),
    nextOfLatest(duckDb),
    nextOfSummary(duckDb, 'pw_places'),
    duckDb.keep(
      'pw_stored_next',
      [
        nextRows(duckDb, shape, 'pw_from_latest', scan(files.latest, { columns, wanted: 'pw_from_latest' })),
        nextRows(
          duckDb,
          shape,
          'pw_from_summary',
          scan(files.summary, { columns, wanted: 'pw_from_summary' }),
        ),
      ].join(' UNION ALL '),
    ),
    tombstonesAfter(duckDb, shape, runId),
  ];
}

function lentStatements(shape: SummaryShape, summary: OpenFiles): readonly string[] {
  const columns = [...lentArrays(shape).values()];
  const rows = scan(summary, { columns, wanted: 'pw_lend' });
  return [lendTable(duckDb), duckDb.keep('pw_lent', lentValues(duckDb, shape, rows))];
}
