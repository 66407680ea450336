import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { SqlRow } from '../../engine/engine.ts';
import type { SparkReport } from '../../engine/spark.ts';
import { textList } from '../../engine/sql.ts';
import { IntegrityError } from '../../errors.ts';
import { dataFileFromJson } from '../../iceberg/index.ts';
import type { DataFile } from '../../iceberg/types.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { sparkPlaces } from '../../run/spark/places.ts';
import { createSparkRows, type SparkRows } from '../../run/spark/rows.ts';
import type { Compiled, CompiledUnit, Plan, SparkUse, UnitItem, UnitResult } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { monthEntries } from '../apply/changed-months.ts';
import { mergeChanges, tableChange } from '../files/file-changes.ts';
import { openDeletes, plannedFiles } from '../files/reading.ts';
import { unitTable } from '../files/tables-io.ts';
import { bytesIn } from '../files/writing.ts';
import { takeSparkFiles } from '../spark/taken.ts';
import { monthNumber } from '../sql/months.ts';
import { summaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import type { ResolveOutcome, ResolveSpec, SummaryContext } from '../types.ts';
import { readCases } from './cases.ts';
import { resolveForSpark } from './for-spark.ts';
import { refuseTwice } from './inputs.ts';
import { copyRule, deleteOldRows, refuseOtherCount } from './replace-latest.ts';
import { tombstoneFacts } from './tombstones.ts';

/** A unit of `resolve` in two halves, between which Spark runs it. */

/** What the second half needs to know of the first. */
interface Kept {
  /** The unit's own tables. */
  readonly rows: Readonly<Record<Role, SparkRows>>;
  /** Folder of the change set. */
  readonly changeSet: Location;
  /** Folder of the places of the rows of latest that go. */
  readonly gone: Location;
}

export function resolveSparkUse({ strategy, engine }: ResolveSpec): SparkUse {
  if (strategy !== 'partitionwise') return 'never';
  return engine === 'spark' ? 'planned' : 'possible';
}

export async function compileResolve(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ResolveSpec,
): Promise<Compiled> {
  const places = sparkPlaces(context, item);
  const tableOf = async (role: Role) => {
    const table = await unitTable(context, plan, role);
    const rows = await createSparkRows({
      context,
      table,
      location: joinLocation(places.results, role),
      data: places.data(table.location),
    });
    return { rows, files: { name: `pw_${role}`, schema: table.schema, files: spec[role] } };
  };
  const tables = {
    summary: await tableOf('summary'),
    latest: await tableOf('latest'),
    tombstones: await tableOf('tombstones'),
  };
  const { summary, latest, tombstones } = tables;
  const kept: Kept = {
    rows: { summary: summary.rows, latest: latest.rows, tombstones: tombstones.rows },
    changeSet: joinLocation(places.results, 'changes'),
    gone: joinLocation(places.results, 'gone'),
  };
  const unit = resolveForSpark({
    shape: summaryShape(context.config),
    spec,
    runId: context.runId,
    onStale: context.config.onStale,
    tables: { summary: summary.files, latest: latest.files, tombstones: tombstones.files },
    copyRule: copyRule(context.config.work, spec.latest),
    ...kept,
  });
  return { kind: 'spark', unit, bytes: readBytes(spec), kept };
}

/** Bytes of the stored files that the unit reads whole. */
function readBytes(spec: ResolveSpec): number {
  return [...spec.latest, ...spec.tombstones].reduce((sum, file) => sum + file.sizeBytes, 0);
}

/**
 * Second half: takes over what Spark wrote.
 * @throws DuplicateStoredKeyError when a (key, month) was stored twice
 * @throws IntegrityError when other rows were written than were asked for; nothing of the unit is referenced
 */
export async function finishResolve(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ResolveSpec,
  compiled: CompiledUnit,
  report: SparkReport,
): Promise<UnitResult> {
  const kept = compiled.kept as Kept;
  const answer = (name: string): SqlRow | undefined => report.answers[name]?.[0];
  refuseTwice(context, answer('twiceInSummary'), answer('twiceInLatest'));
  const facts = readFacts(answer('facts'));
  const unit: Finished = { context, plan, item, spec, kept };
  const inserted = facts.inserted === 0 ? [] : await takeOver(unit, 'summary');
  refuseOtherRows('summary', facts.inserted, inserted);
  const latest = await replacedLatest(unit, facts);
  const tombstones = await replacedTombstones(unit, facts.tombstones);
  const outcome: ResolveOutcome = {
    stage: 'resolve',
    bucket: spec.bucket,
    cases: readCases(answer('cases')),
    changes: [
      ...mergeChanges([tableChange({ role: 'summary', added: inserted })]),
      ...[latest, tombstones].filter((change) => change !== undefined),
    ],
    changeSet: facts.felt === 0 ? undefined : await onlyFile(context, kept.changeSet),
    changeSetRows: facts.felt,
    changedMonths: monthEntries(report.answers['changed'] ?? []),
    inserted: inserted.map((file) => ({
      location: file.location,
      month: monthOf(file),
      bucket: spec.bucket,
      rows: file.rows,
    })),
    latest: facts.latest,
    tombstones: facts.tombstones.facts,
    files: [],
    groups: [],
    elapsedMs: report.elapsedMs,
  };
  const rows = spec.months.reduce((sum, [, count]) => sum + count, 0);
  const bytes = outcome.changes.reduce((sum, change) => sum + bytesIn(change.added.map(dataFileFromJson)), 0);
  return { rows, bytes, outcome };
}

interface Finished {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly item: UnitItem;
  readonly spec: ResolveSpec;
  readonly kept: Kept;
}

interface Facts {
  readonly inserted: number;
  readonly felt: number;
  readonly copied: boolean;
  readonly latest: ResolveOutcome['latest'];
  readonly tombstones: ReturnType<typeof tombstoneFacts>;
}

/** @param row the row of `pw_facts` */
function readFacts(row: SqlRow | undefined): Facts {
  if (row === undefined)
    throw new IntegrityError('Spark did not say what it found', { safe: 'the tables are untouched' });
  const number = (name: string) => Number(row[name]);
  return {
    inserted: number('inserted'),
    felt: number('felt'),
    copied: row['copied'] === true,
    latest: { liveBefore: number('live_before'), removed: number('removed'), added: number('added') },
    tombstones: tombstoneFacts(row),
  };
}

/** The files of one of the unit's own tables, as data files of the real one. */
async function takeOver({ context, plan, spec, kept }: Finished, role: Role): Promise<readonly DataFile[]> {
  return takeSparkFiles({
    context,
    table: await unitTable(context, plan, role),
    rows: kept.rows[role],
    isOwn: ({ month, bucket }) =>
      bucket === spec.bucket && (role === 'summary' ? Number.isInteger(month) : month === undefined),
  });
}

/** Month of a file of the summary: the text that its partition begins with. */
function monthOf({ partition }: DataFile): number {
  return monthNumber(String(partition[0]));
}

function refuseOtherRows(role: Role, expected: number, files: readonly DataFile[]): void {
  const found = files.reduce((sum, file) => sum + file.rows, 0);
  if (found === expected) return;
  throw new IntegrityError(`${role}: ${expected} rows became ${found}`, { safe: 'the tables are untouched' });
}

async function replacedLatest(unit: Finished, { latest, copied }: Facts): Promise<TableChange | undefined> {
  if (latest.added === 0) return undefined;
  const { context, plan, item, spec, kept } = unit;
  const added = await takeOver(unit, 'latest');
  refuseOtherCount(copied, latest, added);
  if (copied) return tableChange({ role: 'latest', added, removed: spec.latest });
  if (latest.removed === 0) return tableChange({ role: 'latest', added });
  const table = await unitTable(context, plan, 'latest');
  await using session = await context.session(`${item.stage}-${item.unit}`, { threads: 1 });
  const set = plannedFiles('pw_latest', table.schema, spec.latest);
  await openDeletes(session, context.world.warehouse, set);
  const { results } = context.world;
  const paths = await Promise.all(
    (await filesIn(context, kept.gone)).map((location) => results.localPath(location)),
  );
  await session.execute(
    duckDb.keep('pw_gone', `SELECT pw_file, pw_pos FROM read_parquet(${textList(paths)})`),
  );
  const [counted] = await session.query('SELECT count(*) AS n FROM pw_gone');
  if (Number(counted?.['n']) !== latest.removed)
    throw new IntegrityError(`latest: ${latest.removed} rows go, and ${counted?.['n']} were marked`, {
      safe: 'the tables are untouched',
    });
  const name = `${context.runId}-${item.unit}`;
  const old = await deleteOldRows({ context, session, table, name, set, gone: 'SELECT * FROM pw_gone' });
  return tableChange({ role: 'latest', added, ...old });
}

async function replacedTombstones(
  unit: Finished,
  { changes, facts }: Facts['tombstones'],
): Promise<TableChange | undefined> {
  if (!changes) return undefined;
  const added = await takeOver(unit, 'tombstones');
  refuseOtherRows('tombstones', facts.after, added);
  return tableChange({ role: 'tombstones', added, removed: unit.spec.tombstones });
}

/** Parquet files of a folder that Spark wrote, the empty ones too. */
async function filesIn({ world }: SummaryContext, folder: Location): Promise<readonly Location[]> {
  const found: Location[] = [];
  for await (const { location } of world.results.list(`${folder}/`)) {
    if (location.endsWith('.parquet')) found.push(location);
  }
  return found;
}

/** @throws IntegrityError when there is not one file */
async function onlyFile(context: SummaryContext, folder: Location): Promise<Location> {
  const [file, ...more] = await filesIn(context, folder);
  if (file !== undefined && more.length === 0) return file;
  throw new IntegrityError(`${folder} holds ${more.length} files beside ${file ?? 'none'}`, {
    safe: 'the tables are untouched',
  });
}
