import type { EngineSession } from '../engine/engine.ts';
import { text } from '../engine/sql.ts';
import { CorruptStateError, ObjectNotFoundError, PinnedSnapshotExpiredError } from '../errors.ts';
import { sha256 } from '../run/layout.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { rollupShape } from './columns.ts';
import { partOf } from './sql/points.ts';
import type { StateFile } from './state.ts';
import type { PointSource, RollupContext, RollupSpec } from './types.ts';

/** Rows of a file that come before the next one in the order of ingest. */
const rowsPerFile = 2n ** 36n;

/**
 * Opens what a unit reads as views: `arriving` (id, ts, v, q, l0, …), `arriving_labels` (id, l0, …, q), `hot` (id, ts, v, l0, …), `tails` (id, ts, v, l0,
 * …) and `part` (resolution, id, w, …, l0, …), each with the series of the unit's parts only.
 */
export async function openInputs(
  context: RollupContext,
  session: EngineSession,
  spec: RollupSpec,
): Promise<void> {
  const labels = rollupShape(context.config).labels.map((label, at) => ({ ...label, name: `l${at}` }));
  const series = rollupShape(context.config).series.sqlType;
  const labelTypes = labels.map(({ name, sqlType }) => `CAST(NULL AS ${sqlType}) AS ${name}`).join(', ');
  const noLabels = `SELECT CAST(NULL AS ${series}) AS id, ${labelTypes}, CAST(NULL AS BIGINT) AS q WHERE false`;
  const point = `CAST(NULL AS ${series}) AS id, CAST(NULL AS BIGINT) AS ts, CAST(NULL AS BIGINT) AS v`;
  const names = labels.map(({ name }) => name);
  const sources = await arriving(context, spec, names);
  const all = (selects: readonly string[], empty: string) =>
    selects.length === 0 ? empty : selects.join(' UNION ALL ');
  await session.execute(
    `CREATE TEMP VIEW arriving AS ${all(sources.points, `SELECT ${point}, CAST(NULL AS BIGINT) AS q, ${labelTypes} WHERE false`)}`,
  );
  await session.execute(`CREATE TEMP VIEW arriving_labels AS ${all(sources.labels, noLabels)}`);
  const state = async (files: readonly StateFile[], empty: string) =>
    files.length === 0 ? `SELECT ${empty} WHERE false` : stateRows(context, files, spec);
  await session.execute(`CREATE TEMP VIEW hot AS ${await state(spec.hot, `${point}, ${labelTypes}`)}`);
  await session.execute(`CREATE TEMP VIEW tails AS ${await state(spec.tails, `${point}, ${labelTypes}`)}`);
  const numbers = ['w', 'n', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'rs'];
  await session.execute(
    `CREATE TEMP VIEW part AS ${await state(
      spec.part,
      `CAST(NULL AS BIGINT) AS resolution, CAST(NULL AS ${series}) AS id, ${numbers.map((name) => `CAST(NULL AS BIGINT) AS ${name}`).join(', ')}, CAST(NULL AS HUGEINT) AS s, CAST(NULL AS HUGEINT) AS inc, ${labelTypes}`,
    )}`,
  );
}

async function arriving(
  { world }: RollupContext,
  spec: RollupSpec,
  labels: readonly string[],
): Promise<{ readonly points: readonly string[]; readonly labels: readonly string[] }> {
  const selects = { points: [] as string[], labels: [] as string[] };
  let before = 0n;
  for await (const source of readSources(world.results, spec)) {
    if (source.parts.some(([part]) => part >= spec.firstPart && part <= spec.lastPart)) {
      const options = { spec, labels, before };
      selects.points.push(pointsOf(source, await world.results.localPath(source.location), options));
      selects.labels.push(labelsOf(await world.results.localPath(source.labels), options));
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
  const isWhole = spec.firstPart === 0 && spec.lastPart === spec.parts - 1;
  const range = `BETWEEN ${spec.firstPart} AND ${spec.lastPart}`;
  if (columns === undefined) {
    const rows = `SELECT id, ts, v, ${before} + pw_row AS q, ${labels.join(', ')} FROM read_parquet(${text(path)})`;
    return isWhole ? rows : `${rows} WHERE part ${range}`;
  }
  const named = ['id', 'ts', 'v', ...labels].map((name) => `${columns[name] ?? 'NULL'} AS ${name}`);
  const rows = `SELECT ${named.join(', ')}, ${before} + file_row_number + 1 AS q FROM read_parquet(${text(path)}, file_row_number = true, hive_partitioning = false)`;
  const ordered = `SELECT id, ts, v, q, ${labels.join(', ')} FROM (${rows})`;
  return isWhole ? ordered : `${ordered} WHERE ${partOf('id', spec.parts)} ${range}`;
}

function labelsOf(path: string, { spec, labels, before }: PointsOptions): string {
  return `SELECT id, ${labels.join(', ')}, ${before} + q AS q FROM read_parquet(${text(path)}) WHERE part BETWEEN ${spec.firstPart} AND ${spec.lastPart}`;
}

/** @throws CorruptStateError when the list is not the one that was planned */
async function* readSources(
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
  { world, runId }: RollupContext,
  files: readonly StateFile[],
  spec: RollupSpec,
): Promise<string> {
  const paths: string[] = [];
  for (const file of files) paths.push(text(await statePath(world.warehouse, file.location, runId)));
  const whole = files.every((file) => file.firstPart >= spec.firstPart && file.lastPart <= spec.lastPart);
  const rows = `SELECT * REPLACE (${files === spec.part ? 'CAST(s AS HUGEINT) AS s, CAST(inc AS HUGEINT) AS inc' : 'ts AS ts'}) FROM read_parquet([${paths.join(', ')}])`;
  return whole
    ? rows
    : `SELECT * FROM (${rows}) WHERE ${partOf('id', spec.parts)} BETWEEN ${spec.firstPart} AND ${spec.lastPart}`;
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
