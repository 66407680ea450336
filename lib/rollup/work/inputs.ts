import type { RollupConfig } from '../../config/schema.ts';
import type { Dialect } from '../../engine/dialect.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { text } from '../../engine/sql.ts';
import { CorruptStateError, ObjectNotFoundError, PinnedSnapshotExpiredError } from '../../errors.ts';
import { sha256 } from '../../run/layout.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import { labelNames, rollupShape } from '../columns.ts';
import { inParts, type PartRange, partsPath, pointsIn, pointsPath } from '../plan/part-range.ts';
import type { StateFile } from '../state/state.ts';
import type { PointSource, RollupContext, RollupSpec } from '../types.ts';

/** Rows of a file that come before the next one in the order of ingest. */
export const rowsPerFile = 2n ** 36n;

/** Columns of the views when there is nothing to read: names and types. */
export function emptyColumns(dialect: Dialect, config: RollupConfig) {
  const { series, labels, sketch } = rollupShape(config);
  const column = (name: string, type: string) => `CAST(NULL AS ${dialect.type(type)}) AS ${name}`;
  const list = (name: string, type: string) => `${dialect.castList('NULL', type)} AS ${name}`;
  const wide = (name: string) => `${dialect.wide('NULL')} AS ${name}`;
  const numbers = ['w', 'n', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'rs'].map((name) => column(name, 'long'));
  const id = column('id', series.icebergType);
  const names = labels.map(({ icebergType }, at) => column(`l${at}`, icebergType)).join(', ');
  const sketched = sketch === undefined ? '' : `, ${list('sk', 'int')}, ${list('sc', 'long')}`;
  const point = `${id}, ${column('ts', 'long')}, ${column('v', 'long')}`;
  return {
    points: `${point}, ${column('q', 'long')}, ${names}`,
    labels: `${id}, ${names}, ${column('q', 'long')}`,
    state: `${point}, ${names}`,
    part: `${column('resolution', 'long')}, ${id}, ${numbers.join(', ')}, ${wide('s')}, ${wide('inc')}${sketched}, ${names}`,
  };
}

/** A view of all rows of the selects; of none of them a view of the same columns without rows. */
async function createView(
  session: EngineSession,
  name: string,
  selects: readonly string[],
  empty: string,
): Promise<void> {
  const rows = selects.length === 0 ? `SELECT ${empty} WHERE false` : selects.join(' UNION ALL ');
  await session.execute(`CREATE TEMP VIEW ${name} AS ${rows}`);
}

/**
 * Opens the points of a unit as views: `arriving` (id, ts, v, q, l0, …) and `arriving_labels` (id, l0, …, q), with the
 * series of the unit's parts only; `q` is the order of ingest.
 */
export async function openPoints(
  context: RollupContext,
  session: EngineSession,
  spec: RollupSpec,
): Promise<void> {
  const labels = labelNames(rollupShape(context.config));
  const sources = await arriving(context, spec, labels);
  const empty = emptyColumns(duckDb, context.config);
  await createView(session, 'arriving', sources.points, empty.points);
  await createView(session, 'arriving_labels', sources.labels, empty.labels);
}

/** The same views without a point: for what only the state says. */
export async function openNoPoints(session: EngineSession, config: RollupConfig): Promise<void> {
  const empty = emptyColumns(duckDb, config);
  await createView(session, 'arriving', [], empty.points);
  await createView(session, 'arriving_labels', [], empty.labels);
}

type StateRange = PartRange & Pick<RollupSpec, 'hot' | 'tails' | 'part'>;

/** Opens the state of some parts as views `hot` and `tails` (id, ts, v, l0, …) and `part` (resolution, id, w, …, l0, …). */
export async function openState(
  context: Pick<RollupContext, 'world' | 'config' | 'runId'>,
  session: EngineSession,
  spec: StateRange,
): Promise<void> {
  const empty = emptyColumns(duckDb, context.config);
  const rows = async (files: readonly StateFile[]) =>
    files.length === 0 ? [] : [await stateRows(context, files, spec)];
  await createView(session, 'hot', await rows(spec.hot), empty.state);
  await createView(session, 'tails', await rows(spec.tails), empty.state);
  await createView(session, 'part', await rows(spec.part), empty.part);
}

async function arriving(
  { world }: RollupContext,
  spec: RollupSpec,
  labels: readonly string[],
): Promise<{ readonly points: readonly string[]; readonly labels: readonly string[] }> {
  const selects = { points: [] as string[], labels: [] as string[] };
  let before = 0n;
  for await (const source of readSources(world.results, spec)) {
    if (pointsIn(source, spec).points > 0) {
      const options = { spec, labels, before };
      selects.points.push(pointsOf(source, await pointsPath(world.results, source, spec), options));
      selects.labels.push(labelsOf(await partsPath(world.results, source.labels, spec), options));
    }
    before += rowsPerFile;
  }
  return selects;
}

interface PointsOptions {
  readonly spec: RollupSpec;
  readonly labels: readonly string[];
  /** Rows before the file in the order of ingest. */
  readonly before: bigint;
}

function pointsOf({ columns }: PointSource, path: string, { spec, labels, before }: PointsOptions): string {
  if (columns === undefined)
    return `SELECT id, ts, v, ${before} + pw_row AS q, ${labels.join(', ')} FROM read_parquet(${text(path)}) WHERE ${inParts(spec, 'part')}`;
  const named = ['id', 'ts', 'v', ...labels].map((name) => `${columns[name] ?? 'NULL'} AS ${name}`);
  const rows = `SELECT ${named.join(', ')}, ${before} + file_row_number + 1 AS q FROM read_parquet(${text(path)}, file_row_number = true, hive_partitioning = false)`;
  return `SELECT id, ts, v, q, ${labels.join(', ')} FROM (${rows}) WHERE ${inParts(spec, undefined)}`;
}

function labelsOf(path: string, { spec, labels, before }: PointsOptions): string {
  return `SELECT id, ${labels.join(', ')}, ${before} + q AS q FROM read_parquet(${text(path)}) WHERE ${inParts(spec, 'part')}`;
}

/** @throws CorruptStateError when the list is not the one that was planned */
export async function* readSources(
  store: ObjectStore,
  { sources, sourcesDigest }: Pick<RollupSpec, 'sources' | 'sourcesDigest'>,
): AsyncIterable<PointSource> {
  const bytes = await store.read(sources);
  if (sha256(bytes) !== sourcesDigest)
    throw new CorruptStateError(`the list of sources is not the one that was planned: ${sources}`);
  for (const line of new TextDecoder().decode(bytes).split('\n'))
    if (line !== '') yield JSON.parse(line) as PointSource;
}

async function stateRows(
  { world, runId }: Pick<RollupContext, 'world' | 'runId'>,
  files: readonly StateFile[],
  spec: StateRange,
): Promise<string> {
  const paths: string[] = [];
  for (const file of files) paths.push(text(await statePath(world.warehouse, file.location, runId)));
  const whole = files.every((file) => file.firstPart >= spec.firstPart && file.lastPart <= spec.lastPart);
  const rows = `SELECT * REPLACE (${files === spec.part ? 'CAST(s AS HUGEINT) AS s, CAST(inc AS HUGEINT) AS inc' : 'ts AS ts'}) FROM read_parquet([${paths.join(', ')}])`;
  return whole ? rows : `SELECT * FROM (${rows}) WHERE ${inParts(spec, undefined)}`;
}

/** @throws PinnedSnapshotExpiredError when a file of the state is gone */
async function statePath(store: ObjectStore, location: Location, runId: string): Promise<string> {
  try {
    return await store.localPath(location);
  } catch (cause) {
    if (!(cause instanceof ObjectNotFoundError)) throw cause;
    throw new PinnedSnapshotExpiredError(
      `a file of the state that the batch stands on is gone: ${location}`,
      {
        cause,
        details: { location },
        safe: 'the table is untouched and the intake is kept',
        next: `partwise cancel ${runId}`,
      },
    );
  }
}
