import { randomBytes } from 'node:crypto';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import { identifier } from '../../engine/sql.ts';
import {
  currentSchema,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  dataFileToJson,
  loadTableAt,
} from '../../iceberg/index.ts';
import type { PartitionSpec, Schema } from '../../iceberg/types.ts';
import { fieldIds } from '../../run/field-ids.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import type { Plan } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { rollupShape } from '../columns.ts';
import { windows } from '../levels.ts';
import { rulesOf } from '../rules.ts';
import { bucketOf, publishedRows } from '../sql/rows.ts';
import type { Writing } from '../state/write-state.ts';
import { rollups, targetTable } from '../tables.ts';
import type { RollupContext, WindowCounts } from '../types.ts';

/** The table as the units see it: the pinned one, or the one that publish will create. */
export interface OutputTable {
  readonly location: Location;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
}

export async function outputTable(context: RollupContext, plan: Plan): Promise<OutputTable> {
  const target = targetTable(context.config, rulesOf(context.config), context.world.warehouse.root);
  const pinned = plan.pins[0]?.metadataLocation;
  if (pinned === undefined) {
    return {
      location: target.location,
      schema: { schemaId: 0, fields: target.fields },
      spec: { specId: 0, fields: target.partitionFields },
    };
  }
  const table = await loadTableAt({
    store: context.world.warehouse,
    identifier: target.identifier,
    metadataLocation: pinned,
  });
  return { location: table.metadata.location, schema: currentSchema(table), spec: currentSpec(table) };
}

/** Writes the rows of closed windows: a data file for each resolution and bucket of time. */
export async function writeWindows(
  writing: Writing & { readonly table: OutputTable },
): Promise<{ readonly change: TableChange | undefined; readonly windows: readonly WindowCounts[] }> {
  const { session, spec, rules } = writing;
  const closed = spec.closedAfterMs === null ? 'false' : `w <= ${spec.closedAfterMs}`;
  const counts: WindowCounts[] = [];
  const added: DataFile[] = [];
  for (const resolutionMs of rules.resolutionsMs) {
    const [total] = await session.query(
      `SELECT count(*) AS n, count(*) FILTER (${closed}) AS closed FROM ${windows(resolutionMs)}`,
    );
    const rows = Number(total?.['closed']);
    counts.push({ resolutionMs, closed: rows, open: Number(total?.['n']) - rows });
    if (rows === 0) continue;
    const buckets = await session.query(
      `SELECT DISTINCT CAST(${bucketOf(duckDb, 'w', resolutionMs)} - DATE '1970-01-01' AS INTEGER) AS day FROM ${windows(resolutionMs)} WHERE ${closed} ORDER BY day`,
    );
    for (const { day } of buckets) {
      const bucket =
        buckets.length === 1
          ? closed
          : `${closed} AND ${bucketOf(duckDb, 'w', resolutionMs)} = DATE '1970-01-01' + ${Number(day)}`;
      added.push(await writeBucket(writing, { resolutionMs, day: Number(day), bucket }));
    }
  }
  const change: TableChange = {
    role: rollups,
    added: added.map(dataFileToJson),
    addedDeletes: [],
    removed: [],
    removedDeletes: [],
  };
  return { change: added.length === 0 ? undefined : change, windows: counts };
}

interface BucketOptions {
  readonly resolutionMs: number;
  /** Days since 1970. */
  readonly day: number;
  readonly bucket: string;
}

async function writeBucket(
  { context, session, table, labels, unit }: Writing & { readonly table: OutputTable },
  { resolutionMs, day, bucket }: BucketOptions,
): Promise<DataFile> {
  const name = `${unit}-${randomBytes(6).toString('hex')}.parquet`;
  const shape = rollupShape(context.config);
  const [written] = await session.writeParquet({
    select: `${publishedRows({ dialect: duckDb, schema: table.schema, shape, resolutionMs, labels, where: bucket })} ORDER BY ${[shape.shard.name, shape.series.name, 'window_ts'].map(identifier).join(', ')}`,
    path: `${session.workFolder}/${name}`,
    fieldIds: fieldIds(table.schema),
    rowGroupRows: context.config.work.rowGroupRows,
  });
  if (written === undefined) throw new TypeError('the engine wrote no file');
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
  const location = joinLocation(
    table.location,
    'data',
    `resolution=${resolutionMs}`,
    `window_bucket=${date}`,
    name,
  );
  await context.world.warehouse.adopt(written.path, location);
  return dataFileFromWritten({
    written,
    schema: table.schema,
    spec: table.spec,
    partition: [BigInt(resolutionMs), day],
    location,
    sortOrderId: 1,
  });
}
