import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { textList } from '../../engine/sql.ts';
import { IntegrityError } from '../../errors.ts';
import { sparkPlaces } from '../../run/spark/places.ts';
import { createSparkRows, type SparkRows } from '../../run/spark/rows.ts';
import type { Compiled, CompiledUnit, Plan, SparkUse, UnitItem, UnitResult } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { type OpenFiles, openDeletes, plannedFiles } from '../files/reading.ts';
import { unitTable } from '../files/tables-io.ts';
import { type Cell, cellOf, type OutputTable } from '../files/writing.ts';
import { wholeCells } from '../plan/engine.ts';
import { groupBytes } from '../plan/groups.ts';
import { takeSparkFiles } from '../spark/taken.ts';
import { summaryShape } from '../tables/columns.ts';
import type { ApplyGroup, ApplySpec, SummaryContext } from '../types.ts';
import { unitChanges } from './changed-months.ts';
import { applyResult } from './result.ts';
import { type GroupResult, groupFiles, rewriteGroup, untouchedGroup } from './rewrite-group.ts';
import { applyForSpark } from './spark-unit.ts';

/**
 * A unit of `apply` whose rows Spark reads, changes and writes. What is small stays here, and is done by the same code
 * as for any unit: which months change, counts per file, position deletes, what becomes of each group.
 */

/** What the second half needs to know of the first. */
interface Kept {
  readonly rows: SparkRows;
  /** Folder of the places of the changed rows. */
  readonly hits: Location;
}

export function applySparkUse(spec: ApplySpec): SparkUse {
  return spec.engine === 'spark' ? 'planned' : 'possible';
}

export async function compileApply(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ApplySpec,
): Promise<Compiled> {
  const shape = summaryShape(context.config);
  const table = await unitTable(context, plan, 'summary');
  const groups = wholeCells(spec.groups);
  const changes = await unitChanges(context, spec, shape);
  if (changes.months.length === 0) {
    const set = filesOf(table, groups);
    const results = groups.map((group) => untouchedGroup({ set, group }));
    return { kind: 'done', result: applyResult(spec, results, 0) };
  }
  const places = sparkPlaces(context, item);
  const rows = await createSparkRows({
    context,
    table,
    location: joinLocation(places.results, 'rows'),
    data: places.data(table.location),
  });
  const hits = joinLocation(places.results, 'hits');
  const kept: Kept = { rows, hits };
  const unit = applyForSpark({
    shape,
    schema: table.schema,
    runId: context.runId,
    groups,
    changeSets: changes.sets,
    changed: changes.months,
    rows: rows.location,
    hits,
  });
  return { kind: 'spark', unit, bytes: groups.reduce((sum, group) => sum + groupBytes(group), 0), kept };
}

/** @throws IntegrityError, PinnedSnapshotExpiredError nothing of the unit is referenced */
export async function finishApply(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ApplySpec,
  { kept }: CompiledUnit,
  elapsedMs: number,
): Promise<UnitResult> {
  const table = await unitTable(context, plan, 'summary');
  const groups = wholeCells(spec.groups);
  const { rows, hits } = kept as Kept;
  await using session = await context.session(`${item.stage}-${item.unit}`, { threads: 1 });
  const set = filesOf(table, groups);
  await openDeletes(session, context.world.warehouse, set);
  await loadHits(context, session, hits);
  const taken = await takeSparkFiles({
    context,
    table,
    rows,
    isOwn: (cell) => groupOf(groups, cell) !== undefined,
  });
  const written = Map.groupBy(taken, ({ partition }) => groupOf(groups, cellOf(table.spec, partition)));
  const name = `${context.runId}-${item.unit}`;
  const results: GroupResult[] = [];
  for (const group of groups) {
    const options = { context, session, table, name, set, group };
    const numbers = groupFiles(options).map((file) => file.no);
    await session.execute(
      duckDb.keep('pw_hit', `SELECT * FROM pw_all_hits WHERE pw_file IN (${numbers.join(', ')})`),
    );
    results.push(await rewriteGroup(options, { written: written.get(group) ?? [] }));
  }
  return applyResult(spec, results, elapsedMs);
}

function filesOf({ schema }: Pick<OutputTable, 'schema'>, groups: readonly ApplyGroup[]): OpenFiles {
  return plannedFiles(
    'pw_files',
    schema,
    groups.flatMap((group) => group.files),
  );
}

/** `pw_all_hits`: the places of the changed rows. */
async function loadHits(context: SummaryContext, session: EngineSession, hits: Location): Promise<void> {
  const store = context.world.results;
  const paths: string[] = [];
  for await (const { location } of store.list(joinLocation(hits, '')))
    if (location.endsWith('.parquet')) paths.push(await store.localPath(location));
  if (paths.length === 0)
    throw new IntegrityError(`${hits} holds no places of changed rows`, { safe: 'the tables are untouched' });
  await session.execute(`CREATE TEMP TABLE pw_all_hits AS SELECT * FROM read_parquet(${textList(paths)})`);
}

/** A cell has one group at most. */
function groupOf(groups: readonly ApplyGroup[], { month, bucket }: Cell): ApplyGroup | undefined {
  return groups.find((group) => group.month === month && group.bucket === bucket);
}
