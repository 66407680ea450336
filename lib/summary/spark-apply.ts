import { randomBytes } from 'node:crypto';
import { duckDb } from '../engine/duckdb-dialect.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { SparkRunner } from '../engine/spark.ts';
import { text, textList } from '../engine/sql.ts';
import { ConfigError, IntegrityError } from '../errors.ts';
import type { DataFile } from '../iceberg/types.ts';
import type { UnitItem, World } from '../run/workload.ts';
import { joinLocation } from '../stores/location.ts';
import type { ChangedMonth } from './apply-group.ts';
import { changeSetOf } from './apply-rooms.ts';
import type { SummaryShape } from './columns.ts';
import { type OpenFiles, openFiles } from './reading.ts';
import { type GroupResult, groupFiles, rewriteGroup, untouchedGroup } from './rewrite-group.ts';
import { createSparkRows, readSparkRows } from './spark-rows.ts';
import { applyForSpark } from './spark-unit.ts';
import { changedMonths, loadChanges } from './sql/apply.ts';
import type { UnitTable } from './tables-io.ts';
import type { ApplyGroup, ApplySpec, SummaryContext } from './types.ts';
import { adoptDataFile, partitionOf } from './writing.ts';

interface SparkApply {
  readonly context: SummaryContext;
  readonly item: UnitItem;
  readonly shape: SummaryShape;
  readonly table: UnitTable;
  readonly spec: ApplySpec;
}

/**
 * A unit of `apply` whose rows Spark reads, changes and writes. What is small stays here, and is done by the same code
 * as for any unit: which months change, counts per file, position deletes, what becomes of each group.
 * @throws SparkUnitError, IntegrityError nothing of the unit is referenced
 */
export async function applyBySpark(unit: SparkApply): Promise<readonly GroupResult[]> {
  const { context, item, table, spec } = unit;
  const runner = sparkOf(context.world);
  const tag = `${item.unit}-a${context.attempt}-${randomBytes(4).toString('hex')}`;
  await using session = await context.session(`${item.stage}-${item.unit}`, { threads: 1 });
  const set = await openFiles({
    session,
    store: context.world.warehouse,
    name: 'pw_files',
    schema: table.schema,
    files: spec.groups.flatMap((group) => group.files),
  });
  const changes = await readChanges(unit, session);
  if (changes === undefined) return spec.groups.map((group) => untouchedGroup({ set, group }));

  const folder = `${session.workFolder}/spark`;
  const hitsPath = `${folder}/hits`;
  const rows = await createSparkRows({
    context,
    table,
    location: joinLocation(context.folder, 'spark', tag),
    dataPath: `${folder}/data`,
  });
  await runner.run(
    applyForSpark({
      shape: unit.shape,
      schema: table.schema,
      runId: context.runId,
      groups: spec.groups.map((group) => ({ group, files: groupFiles({ set, group }) })),
      changeSetPaths: changes.paths,
      changed: changes.months,
      deletePaths: await deletePaths(context, spec.groups),
      rowsPath: rows.location,
      hitsPath,
    }),
    { workFolder: folder, signal: context.signal },
  );
  await session.execute(
    `CREATE TEMP TABLE pw_all_hits AS SELECT * FROM read_parquet(${text(`${hitsPath}/*.parquet`)})`,
  );
  const written = byCell(table, spec.groups, await readSparkRows(context, rows));
  return await finish(unit, session, set, written);
}

/** The runner of this world. @throws ConfigError where there is none */
export function sparkOf({ spark }: Pick<World, 'spark'>): SparkRunner {
  if (spark !== undefined) return spark;
  throw new ConfigError(
    'work.engine: there is no Spark here. On this machine set PARTWISE_SPARK_PYTHON to a Python with PySpark 3.5 and PARTWISE_SPARK_JARS to the folder of iceberg-spark-runtime-3.5_2.12; on AWS units run by DuckDB alone',
    { safe: 'the tables are untouched', next: 'set work.engine to duckdb' },
  );
}

/** The months that really change, and the change sets; undefined when there is none. */
async function readChanges(
  { context, spec, shape }: SparkApply,
  session: EngineSession,
): Promise<{ readonly paths: readonly string[]; readonly months: readonly ChangedMonth[] } | undefined> {
  const paths: string[] = [];
  for (const { unit } of spec.resolve) {
    const location = await changeSetOf(context, unit);
    if (location !== undefined) paths.push(await context.world.results.localPath(location));
  }
  if (paths.length === 0) return undefined;
  const months = spec.groups.map((group) => group.month);
  const marks = `(SELECT pw_month, pw_set, pw_own FROM read_parquet(${textList(paths)}))`;
  await session.execute(
    loadChanges(duckDb, marks, Math.min(...months), Math.max(...months), shape.historyLength),
  );
  const rows = await session.query(changedMonths);
  return {
    paths,
    months: rows.map((row) => ({
      month: Number(row['pw_month']),
      sets: Number(row['pw_sets']) > 0,
      owns: Number(row['pw_owns']) > 0,
    })),
  };
}

async function deletePaths(
  context: SummaryContext,
  groups: readonly ApplyGroup[],
): Promise<readonly string[]> {
  const locations = groups.flatMap((group) =>
    group.files.flatMap((file) => file.deletes.map((one) => one.location)),
  );
  return Promise.all([...new Set(locations)].map((one) => context.world.warehouse.localPath(one)));
}

/** Spark's files by the group whose cell they lie in. @throws IntegrityError for a file of another cell */
function byCell(
  table: UnitTable,
  groups: readonly ApplyGroup[],
  files: readonly DataFile[],
): ReadonlyMap<ApplyGroup, readonly DataFile[]> {
  const cells = new Map(groups.map((group) => [JSON.stringify(partitionOf(table.spec, group)), group]));
  return Map.groupBy(files, (file) => {
    const group = cells.get(JSON.stringify(file.partition));
    if (group !== undefined) return group;
    throw new IntegrityError(
      `Spark wrote rows for ${JSON.stringify(file.partition)}, which is not the unit's`,
      {
        safe: 'the tables are untouched',
      },
    );
  });
}

async function finish(
  { context, item, table, spec }: SparkApply,
  session: EngineSession,
  set: OpenFiles,
  written: ReadonlyMap<ApplyGroup, readonly DataFile[]>,
): Promise<readonly GroupResult[]> {
  const name = `${context.runId}-${item.unit}`;
  const results: GroupResult[] = [];
  for (const group of spec.groups) {
    const options = { context, session, table, name, set, group };
    const numbers = groupFiles(options).map((file) => file.no);
    await session.execute(
      duckDb.keep('pw_hit', `SELECT * FROM pw_all_hits WHERE pw_file IN (${numbers.join(', ')})`),
    );
    const files: DataFile[] = [];
    for (const file of written.get(group) ?? []) files.push(await adoptDataFile(options, group, file));
    results.push(await rewriteGroup(options, { written: files }));
  }
  return results;
}
