import { randomBytes } from 'node:crypto';
import { sketchColumns } from '../../config/quantiles.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import {
  currentSchema,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  dataFileToJson,
  type RemovedFile,
} from '../../iceberg/index.ts';
import { fieldIds } from '../../run/field-ids.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { liveRows, rowPlace } from '../../upkeep/live-rows.ts';
import { bucketOf } from '../sql/rows.ts';
import { rollups } from '../tables.ts';
import type { Repairing } from './repairing.ts';
import { withEstimates } from './sketches.ts';
import type { TableFile } from './table-files.ts';

/** What the published rows' files become. */
export interface Rewritten {
  readonly change: TableChange | undefined;
  readonly bytesRemoved: number;
}

/**
 * Writes each data file that has a changed row anew, row by row in its order, and the rows of windows that had none to a file
 * of their own in each partition. Columns that others added keep their values; in new rows they are NULL.
 */
export async function rewriteFiles(repairing: Repairing): Promise<Rewritten> {
  const { session, files } = repairing;
  await makePublished(repairing);
  const partitions = await session.query(
    'SELECT resolution, day, count(*) FILTER (file IS NULL OR moved) AS news, list(DISTINCT file) FILTER (file IS NOT NULL) AS files FROM published GROUP BY ALL ORDER BY ALL',
  );
  const byLocation = new Map(files.map((one) => [one.file.location, one]));
  const added: DataFile[] = [];
  const removed: TableFile[] = [];
  for (const row of partitions) {
    const partition = { resolutionMs: Number(row['resolution']), day: Number(row['day']) };
    if (Number(row['news']) > 0)
      added.push(...(await writeFile(repairing, partition, newRows(repairing, partition))));
    for (const location of ((row['files'] ?? []) as readonly string[]).toSorted()) {
      const old = byLocation.get(location);
      if (old === undefined) throw new TypeError(`${location} is not in the table`);
      const select = await changedRows(repairing, location);
      added.push(...(await inOrder(session, () => writeFile(repairing, partition, select))));
      removed.push(old);
    }
  }
  const change: TableChange = {
    role: rollups,
    added: added.map(dataFileToJson),
    addedDeletes: [],
    removed: removed.map(removedFile),
    removedDeletes: [],
  };
  return {
    change: added.length === 0 ? undefined : change,
    bytesRemoved: removed.reduce((sum, { file }) => sum + file.sizeBytes, 0),
  };
}

/**
 * Makes `published`: the changed rows that are published, with the `bucket` and the `day` of their partitions, their
 * estimates (q0, …), and whether they have `moved`: to another shard, by the labels of another first point, and so in the order of rows.
 */
async function makePublished(repairing: Repairing): Promise<void> {
  const { session, spec, rules } = repairing;
  const buckets = rules.resolutionsMs.map(
    (resolution) => `WHEN resolution = ${resolution} THEN ${bucketOf(duckDb, 'w', resolution)}`,
  );
  const closed = `SELECT * FROM changed WHERE w <= ${spec.closedThroughMs}`;
  const rows = rules.resolutionsMs.map((resolution) =>
    withEstimates(repairing, `${closed} AND resolution = ${resolution}`),
  );
  await session.execute(
    `CREATE TEMP TABLE published AS SELECT now.*, CAST(bucket - DATE '1970-01-01' AS INTEGER) AS day, old.pos IS NOT NULL AND old.l0 IS DISTINCT FROM now.l0 AS moved
      FROM (SELECT *, CASE ${buckets.join(' ')} END AS bucket FROM (${rows.join(' UNION ALL ')})) AS now LEFT JOIN stored AS old ON old.file = now.file AND old.pos = now.pos`,
  );
}

/**
 * Has a file's rows come out in the order in which they lie there, without a sort: they pass by what has changed, which is
 * held in memory. The audit looks at the order.
 */
async function inOrder<T>(session: EngineSession, write: () => Promise<T>): Promise<T> {
  await session.execute('SET preserve_insertion_order = true');
  await session.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'");
  try {
    return await write();
  } finally {
    await session.execute('RESET disabled_optimizers');
    await session.execute('SET preserve_insertion_order = false');
  }
}

/** As JSON has it: a resolution is no big number. */
function removedFile({ file: { location, specId, partition } }: TableFile): RemovedFile {
  return {
    location,
    specId,
    partition: partition.map((value) => (typeof value === 'bigint' ? Number(value) : value)),
  };
}

/** The table's columns that the pipeline has, as SQL over a row `c` of `published`. */
function ownColumns({ shape }: Pick<Repairing, 'shape'>): ReadonlyMap<string, string> {
  return new Map([
    ['resolution', 'CAST(c.resolution AS BIGINT)'],
    ['window_bucket', 'c.bucket'],
    [shape.series.name, `CAST(c.id AS ${shape.series.sqlType})`],
    ['window_ts', duckDb.timestampOf('c.w')],
    ...shape.labels.map(({ name, sqlType }, at) => [name, `CAST(c.l${at} AS ${sqlType})`] as const),
    ...(['n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'inc', 'rs'] as const).map(
      (name) => [columnOf[name], storedValue(name)] as const,
    ),
    ...sketchValues(shape),
  ]);
}

function sketchValues({ sketch }: Repairing['shape']): readonly (readonly [column: string, sql: string])[] {
  if (sketch === undefined) return [];
  return [
    ...sketch.quantiles.map(({ column }, at) => [column, `c.q${at}`] as const),
    [sketchColumns.buckets, 'CAST(c.sk AS INTEGER[])'],
    [sketchColumns.counts, 'CAST(c.sc AS BIGINT[])'],
  ];
}

const columnOf = {
  n: 'count',
  s: 'sum',
  mn: 'min',
  mx: 'max',
  ft: 'first_ts',
  fv: 'first_value',
  lt: 'last_ts',
  lv: 'last_value',
  inc: 'increase',
  rs: 'resets',
} as const;

function storedValue(name: keyof typeof columnOf): string {
  if (name === 'ft' || name === 'lt') return duckDb.timestampOf(`c.${name}`);
  return `CAST(c.${name} AS ${name === 's' || name === 'inc' ? 'DECIMAL(38,0)' : 'BIGINT'})`;
}

interface Partition {
  readonly resolutionMs: number;
  /** Days since 1970. */
  readonly day: number;
}

/** Rows of windows that had none, and of those that have moved, sorted. */
function newRows(repairing: Repairing, { resolutionMs, day }: Partition): string {
  const { table, shape } = repairing;
  const ours = ownColumns(repairing);
  const columns = currentSchema(table).fields.map(
    ({ name }) => `${ours.get(name) ?? 'NULL'} AS ${identifier(name)}`,
  );
  const order = [shape.shard.name, shape.series.name, 'window_ts'].map(identifier).join(', ');
  return `SELECT ${columns.join(', ')} FROM published AS c WHERE resolution = ${resolutionMs} AND day = ${day} AND (file IS NULL OR moved) ORDER BY ${order}`;
}

/** A file's rows, with other values where they have changed, but for those that have moved. */
async function changedRows(repairing: Repairing, location: Location): Promise<string> {
  const { context, table } = repairing;
  const schema = currentSchema(table);
  const ours = ownColumns(repairing);
  const rows = await liveRows({
    store: context.world.warehouse,
    schema,
    files: [{ location, deletes: [] }],
    place: true,
  });
  const columns = schema.fields.map(({ name }) => {
    const value = ours.get(name);
    return value === undefined
      ? identifier(name)
      : `CASE WHEN c IS NULL THEN ${identifier(name)} ELSE ${value} END AS ${identifier(name)}`;
  });
  // As a scalar subquery, since the rows of any other join come out in another order.
  const found = `SELECT *, (SELECT published FROM published WHERE file = ${text(location)} AND pos = live.${rowPlace.position}) AS c FROM ${rows} AS live`;
  return `SELECT ${columns.join(', ')} FROM (${found}) WHERE c IS NULL OR NOT c.moved`;
}

async function writeFile(
  { context, session, table, unit }: Repairing,
  { resolutionMs, day }: Partition,
  select: string,
): Promise<readonly DataFile[]> {
  const schema = currentSchema(table);
  const name = `${unit}-${randomBytes(6).toString('hex')}.parquet`;
  const [written] = await session.writeParquet({
    select,
    path: `${session.workFolder}/${name}`,
    fieldIds: fieldIds(schema),
    rowGroupRows: context.config.work.rowGroupRows,
  });
  if (written === undefined || written.rows === 0) return [];
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
  const location = joinLocation(
    table.metadata.location,
    'data',
    `resolution=${resolutionMs}`,
    `window_bucket=${date}`,
    name,
  );
  await context.world.warehouse.adopt(written.path, location);
  const partition = [BigInt(resolutionMs), day];
  return [
    dataFileFromWritten({ written, schema, spec: currentSpec(table), partition, location, sortOrderId: 1 }),
  ];
}
