import { sketchColumns } from '../../config/quantiles.ts';
import { identifier, text, textList } from '../../engine/sql.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import { labelNames } from '../columns.ts';
import { inParts, pointsIn, pointsPath } from '../plan/part-range.ts';
import type { SketchShape } from '../sketch/sketch.ts';
import type { StateFile } from '../state/state.ts';
import { type RollupAudit, refusals } from './context.ts';
import { type ExpectedColumn, listColumn } from './files.ts';

type Viewed = Omit<RollupAudit, 'findings'>;

/**
 * Views over what was read and what was written: `points_in` (id, ts, v, q, l0, …) of the batch that count,
 * `points_all` (ts, v), `hot_before`, `hot_after`, `tails_before`, `tails_after`, `part_before`, `part_after` and
 * `published`. Files must be known to exist and to have the right columns.
 */
export async function openViews(audit: Viewed): Promise<void> {
  const { context, before, written, carried } = audit;
  await pointViews(audit);
  const { warehouse } = context.world;
  for (const kind of ['hot', 'tails', 'part'] as const) {
    await stateView(audit, `${kind}_before`, kind, before[kind], inParts(audit.range, undefined));
    await stateView(audit, `${kind}_after`, kind, [...written[kind], ...carried[kind]], 'true');
  }
  await publishedView({
    session: audit.session,
    shape: audit.shape,
    store: warehouse,
    name: 'published',
    files: audit.added,
  });
}

/** Rows of a file that come before the next one in the order of ingest. */
const rowsPerFile = 2n ** 40n;

async function pointViews(audit: Viewed): Promise<void> {
  const { context, sources, session, shape, range } = audit;
  const { results } = context.world;
  const labels = labelNames(audit.shape);
  const names = ['id', 'ts', 'v', ...labels];
  const selects: string[] = [];
  for (const [at, source] of sources.entries()) {
    if (pointsIn(source, range).points === 0) continue;
    const { columns } = source;
    const path = text(await pointsPath(results, source, range));
    const place = BigInt(at) * rowsPerFile;
    selects.push(
      columns === undefined
        ? `SELECT ${names.join(', ')}, ${place} + pw_row AS q FROM read_parquet(${path}) WHERE ${inParts(range, 'part')}`
        : `SELECT * FROM (SELECT ${names.map((name) => `${columns[name] ?? 'NULL'} AS ${name}`).join(', ')}, ${place} + file_row_number AS q FROM read_parquet(${path}, file_row_number = true, hive_partitioning = false)) WHERE ${inParts(range, undefined)}`,
    );
  }
  const none = `SELECT ${nulls([['id', shape.series.sqlType], ['ts', 'BIGINT'], ['v', 'BIGINT'], ...shape.labels.map(({ sqlType }, at) => [`l${at}`, sqlType] as const), ['q', 'BIGINT']])} WHERE false`;
  await session.execute(`CREATE TEMP VIEW points_all AS ${selects.join(' UNION ALL ') || none}`);
  const { late, far } = refusals(audit);
  await session.execute(`CREATE TEMP VIEW points_in AS FROM points_all WHERE NOT ${late} AND NOT ${far}`);
}

/** Columns of a state file with their types. */
function stateColumns(
  { shape }: Pick<RollupAudit, 'shape'>,
  kind: 'hot' | 'tails' | 'part',
): readonly (readonly [name: string, sqlType: string])[] {
  const labels = shape.labels.map(({ sqlType }, at) => [`l${at}`, sqlType] as const);
  const id = ['id', shape.series.sqlType] as const;
  if (kind !== 'part') return [id, ['ts', 'BIGINT'], ['v', 'BIGINT'], ...labels];
  const numbers = ['w', 'n', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'rs'].map(
    (name) => [name, 'BIGINT'] as const,
  );
  return [
    ['resolution', 'BIGINT'],
    id,
    ...numbers,
    ['s', 'DECIMAL(38,0)'],
    ['inc', 'DECIMAL(38,0)'],
    ...(shape.sketch === undefined ? [] : sketchLists),
    ...labels,
  ];
}

const sketchLists = [
  ['sk', 'INTEGER[]'],
  ['sc', 'BIGINT[]'],
] as const;

/** The same as the file's footer says it. */
export function stateFileColumns(
  audit: Pick<RollupAudit, 'shape'>,
  kind: 'hot' | 'tails' | 'part',
): readonly ExpectedColumn[] {
  return stateColumns(audit, kind).flatMap(([name, sqlType]) =>
    sqlType.endsWith('[]') ? listColumn(name, sqlType.slice(0, -2)) : [{ name, sqlType, fieldId: undefined }],
  );
}

export async function stateView(
  audit: Viewed,
  name: string,
  kind: 'hot' | 'tails' | 'part',
  files: readonly StateFile[],
  where: string,
): Promise<void> {
  const store = audit.context.world.warehouse;
  const columns = stateColumns(audit, kind);
  const rows =
    files.length === 0
      ? `SELECT *, 0 AS pos, '' AS file FROM (SELECT ${nulls(columns)}) WHERE false`
      : `SELECT ${columns.map(([column]) => column).join(', ')}, file_row_number AS pos, filename AS file FROM read_parquet(${textList(await paths(store, files))}, file_row_number = true, filename = true, hive_partitioning = false) WHERE ${where}`;
  await audit.session.execute(`CREATE TEMP VIEW ${name} AS ${rows}`);
}

interface PublishedOptions extends Pick<RollupAudit, 'session' | 'shape'> {
  readonly store: ObjectStore;
  readonly name: string;
  readonly files: readonly { readonly location: Location }[];
}

/**
 * A view of the table's rows in these files, under the names that the state has for columns. Sums stay
 * decimals: turning one into another integer costs more than all else that is done with it.
 */
export async function publishedView({
  session,
  shape,
  store,
  name: view,
  files,
}: PublishedOptions): Promise<void> {
  const labels = shape.labels.map(({ name }, at) => `${identifier(name)} AS l${at}`).join(', ');
  const columns = `resolution, window_bucket, ${identifier(shape.series.name)} AS id, window_ts, epoch_ms(window_ts) AS w, ${labels}, "count" AS n,
    "sum" AS s, "min" AS mn, "max" AS mx, epoch_ms(first_ts) AS ft, first_value AS fv, epoch_ms(last_ts) AS lt, last_value AS lv,
    increase AS inc, resets AS rs${sketchInput(shape.sketch)}`;
  const empty = [
    ['resolution', 'BIGINT'],
    ['window_bucket', 'DATE'],
    [shape.series.name, shape.series.sqlType],
    ['window_ts', 'TIMESTAMP'],
    ...shape.labels.map(({ name, sqlType }) => [name, sqlType] as const),
    ...['count', 'min', 'max', 'first_value', 'last_value', 'resets'].map(
      (name) => [name, 'BIGINT'] as const,
    ),
    ...['sum', 'increase'].map((name) => [name, 'DECIMAL(38,0)'] as const),
    ...['first_ts', 'last_ts'].map((name) => [name, 'TIMESTAMP'] as const),
    ...sketchTypes(shape.sketch),
  ] as const;
  const rows =
    files.length === 0
      ? `SELECT ${columns}, 0 AS pos, '' AS file FROM (SELECT ${nulls(empty)}) WHERE false`
      : `SELECT ${columns}, file_row_number AS pos, filename AS file FROM read_parquet(${textList(await paths(store, files))}, file_row_number = true, filename = true, hive_partitioning = false)`;
  await session.execute(`CREATE OR REPLACE TEMP VIEW ${view} AS ${rows}`);
}

function sketchInput(sketch: SketchShape | undefined): string {
  if (sketch === undefined) return '';
  const estimates = sketch.quantiles.map(({ column }, at) => `${identifier(column)} AS q${at}`);
  const { buckets, counts } = sketchColumns;
  return `, ${estimates.join(', ')}, ${identifier(buckets)} AS sk, ${identifier(counts)} AS sc`;
}

function sketchTypes(sketch: SketchShape | undefined): readonly (readonly [name: string, type: string])[] {
  if (sketch === undefined) return [];
  return [
    ...sketch.quantiles.map(({ column }) => [column, 'DOUBLE'] as const),
    [sketchColumns.buckets, 'INTEGER[]'],
    [sketchColumns.counts, 'BIGINT[]'],
  ];
}

async function paths(
  store: ObjectStore,
  files: readonly { readonly location: Location }[],
): Promise<readonly string[]> {
  return await Promise.all(files.map(({ location }) => store.localPath(location)));
}

function nulls(columns: readonly (readonly [string, string])[]): string {
  return columns.map(([name, type]) => `CAST(NULL AS ${type}) AS ${identifier(name)}`).join(', ');
}
