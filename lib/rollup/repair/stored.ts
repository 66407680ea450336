import { sketchColumns } from '../../config/quantiles.ts';
import { identifier, text, textList } from '../../engine/sql.ts';
import { currentSchema } from '../../iceberg/index.ts';
import type { PartitionValue } from '../../iceberg/types.ts';
import { liveRows } from '../../upkeep/live-rows.ts';
import type { RollupShape } from '../columns.ts';
import { estimateNames } from '../sql/sketches.ts';
import { refused, windowName } from './refuse.ts';
import type { Repairing } from './repairing.ts';
import { bucketDays, filesFor, type TableFile } from './table-files.ts';

/** Columns of the mergeable rows; `sk` and `sc`, the sketch, only with quantiles. */
export function mergeableValues({ sketch }: Pick<RollupShape, 'sketch'>): readonly string[] {
  const own = ['n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'inc', 'rs'];
  return sketch === undefined ? own : [...own, 'sk', 'sc'];
}

/**
 * Makes the table `stored` (resolution, id, w, n, s, mn, mx, ft, fv, lt, lv, inc, rs, sk, sc, l0, …, q0, …, file, pos): rows of
 * touched series as they were before the repair, at first those of open windows, which the state has. These have no `file`
 * and no estimates, q0 and on.
 */
export async function openStored({ session, values, labels, shape }: Repairing): Promise<void> {
  const wide = values.map((name) =>
    name === 's' || name === 'inc' ? `CAST(${name} AS HUGEINT) AS ${name}` : name,
  );
  const estimates = estimatesOf(shape).map((name) => `CAST(NULL AS DOUBLE) AS ${name}`);
  await session.execute(
    `CREATE TEMP TABLE stored AS SELECT resolution, id, w, ${[...wide, ...labels, ...estimates].join(', ')}, CAST(NULL AS VARCHAR) AS file, CAST(NULL AS BIGINT) AS pos FROM part_before`,
  );
}

/** Names of the estimates in `stored`. */
export function estimatesOf({ sketch }: Pick<RollupShape, 'sketch'>): readonly string[] {
  return sketch === undefined ? [] : estimateNames(sketch);
}

/** Rows of data files under the names that the state has for columns, with `file` (its location) and `pos`. */
export async function rowsOfFiles(
  { context, table, shape }: Pick<Repairing, 'context' | 'table' | 'shape'>,
  files: readonly Pick<TableFile, 'file'>[],
): Promise<string> {
  const locations = files.map(({ file }) => file.location);
  const rows = await liveRows({
    store: context.world.warehouse,
    schema: currentSchema(table),
    files: locations.map((location) => ({ location, deletes: [] })),
    place: true,
  });
  return `SELECT ${mergeableColumns(shape)}, ${textList(locations)}[CAST(__file AS BIGINT) + 1] AS file, __position AS pos FROM ${rows}`;
}

function mergeableColumns({ series, labels, sketch }: RollupShape): string {
  const { buckets, counts } = sketchColumns;
  const lists = `, ${identifier(buckets)} AS sk, ${identifier(counts)} AS sc`;
  const estimates = (sketch?.quantiles ?? []).map(({ column }, at) => `, ${identifier(column)} AS q${at}`);
  const names = labels.map(({ name }, at) => `${identifier(name)} AS l${at}`).join(', ');
  return `resolution, ${identifier(series.name)} AS id, epoch_ms(window_ts) AS w, "count" AS n, CAST("sum" AS HUGEINT) AS s, "min" AS mn, "max" AS mx,
    epoch_ms(first_ts) AS ft, first_value AS fv, epoch_ms(last_ts) AS lt, last_value AS lv, CAST(increase AS HUGEINT) AS inc, resets AS rs${sketch === undefined ? '' : lists}, ${names}${estimates.join('')}`;
}

/**
 * Adds to `stored` the published rows of a resolution whose windows lie in the ranges: a SELECT of (id, after, upto), each
 * meaning windows in (after, upto].
 */
export async function loadStored(repairing: Repairing, resolutionMs: number, ranges: string): Promise<void> {
  const { session, files } = repairing;
  await session.execute(`CREATE OR REPLACE TEMP TABLE ranges AS ${islands(ranges)}`);
  const bounds = await session.query(
    'SELECT min(id) AS low, max(id) AS high, min(after) AS after, max(upto) AS upto FROM ranges',
  );
  const { low, high, after, upto } = bounds[0] ?? {};
  if (low === null || low === undefined) return;
  const spans = await session.query('SELECT DISTINCT after, upto FROM ranges');
  const days = new Set(
    spans.flatMap((one) => [...bucketDays(Number(one['after']) + 1, Number(one['upto']), resolutionMs)]),
  );
  const found = filesFor(files, {
    resolutionMs,
    days,
    ids: [low as PartitionValue, high as PartitionValue],
    windows: [Number(after) + 1, Number(upto)],
  });
  if (found.length === 0) return;
  const rows = `SELECT * FROM (${await rowsOfFiles(repairing, found)}) WHERE resolution = ${resolutionMs} AND w > ${after} AND w <= ${upto} AND id BETWEEN ${literal(low)} AND ${literal(high)}`;
  await addStored(
    repairing,
    `SELECT rows.* FROM (${rows}) AS rows SEMI JOIN ranges ON ranges.id = rows.id AND rows.w > ranges.after AND rows.w <= ranges.upto`,
  );
}

/** Of ranges (id, after, upto), each meaning (after, upto], those that touch or overlap as one. */
export function islands(ranges: string): string {
  return `SELECT id, min(after) AS after, max(upto) AS upto FROM (
    SELECT *, sum(begins) OVER (PARTITION BY id ORDER BY after, upto) AS island FROM (
      SELECT *, CASE WHEN after <= max(upto) OVER (PARTITION BY id ORDER BY after, upto ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS begins
      FROM (SELECT DISTINCT id, after, upto FROM (${ranges})))) GROUP BY id, island`;
}

/** Adds rows that are not there yet. @throws RepairRefusedError when a window is stored twice */
export async function addStored({ session }: Pick<Repairing, 'session'>, rows: string): Promise<void> {
  await session.execute(
    `INSERT INTO stored SELECT * FROM (${rows}) AS found ANTI JOIN stored ON stored.file = found.file AND stored.pos = found.pos`,
  );
  const [twice] = await session.query(
    'SELECT resolution, id, w FROM stored GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1',
  );
  if (twice !== undefined)
    throw refused(`${windowName(twice)} is stored twice`, { next: 'partwise verify --full' });
}

/** A value that came from a query of this session, as SQL. */
export function literal(value: unknown): string {
  return typeof value === 'string' ? text(value) : String(value);
}
