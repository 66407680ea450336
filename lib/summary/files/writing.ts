import { randomBytes } from 'node:crypto';
import type { EngineSession, ParquetEncoding, WrittenFile } from '../../engine/engine.ts';
import { text } from '../../engine/sql.ts';
import { dataFileFromWritten, dataFileToJson, positionDeleteFieldIds } from '../../iceberg/index.ts';
import type { DataFile, PartitionSpec, PartitionValue, Schema } from '../../iceberg/types.ts';
import { fieldIds } from '../../run/field-ids.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { monthNumber, monthText } from '../sql/months.ts';
import type { SummaryContext } from '../types.ts';

/** A table that a unit writes files for. */
export interface OutputTable {
  readonly location: Location;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly encoding: ParquetEncoding;
}

export interface Cell {
  /** Absent in tables that are not partitioned by month. */
  readonly month?: number;
  readonly bucket: number;
}

interface WriteOptions {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  readonly table: OutputTable;
  /** Starts every file name, e.g. the unit's id. */
  readonly name: string;
}

/** Writes the rows as one new, unreferenced data file of the cell; undefined when there are none. */
export async function writeDataFile(
  options: WriteOptions & { readonly select: string; readonly cell: Cell },
): Promise<DataFile | undefined> {
  const { session, table, cell } = options;
  const [written] = await session.writeParquet({
    select: options.select,
    path: `${session.workFolder}/${fileName(options.name)}`,
    fieldIds: fieldIds(table.schema),
    rowGroupRows: options.context.config.work.rowGroupRows,
    encoding: table.encoding,
  });
  if (written === undefined || written.rows === 0) return undefined;
  return adopt(options, written, table.spec, partitionOf(table.spec, cell), 'data');
}

/** Where deletes go: positions of one data file, in its own spec and partition. */
export interface DeleteTarget {
  readonly location: Location;
  readonly specId: number;
  readonly partition: readonly PartitionValue[];
}

/** Writes a position-delete file for one data file. `positions` is a SELECT of one column of distinct positions. */
export async function writePositionDeletes(
  options: WriteOptions & {
    readonly positions: string;
    readonly target: DeleteTarget;
    readonly specs: readonly PartitionSpec[];
  },
): Promise<DataFile | undefined> {
  const { session, target } = options;
  const spec = options.specs.find((one) => one.specId === target.specId) ?? options.table.spec;
  const [written] = await session.writeParquet({
    select: `SELECT ${text(target.location)} AS file_path, pos::BIGINT AS pos FROM (${options.positions}) AS p(pos) ORDER BY pos`,
    path: `${session.workFolder}/${fileName(options.name, 'deletes')}`,
    fieldIds: positionDeleteFieldIds,
  });
  if (written === undefined || written.rows === 0) return undefined;
  return adopt(options, written, spec, target.partition, 'position-deletes', target.location);
}

async function adopt(
  options: WriteOptions,
  written: WrittenFile,
  spec: PartitionSpec,
  partition: readonly PartitionValue[],
  content: 'data' | 'position-deletes',
  referencedDataFile?: Location,
): Promise<DataFile> {
  const { table, context } = options;
  const location = dataLocation(options, spec, partition, content === 'data' ? undefined : 'deletes');
  await context.world.warehouse.adopt(written.path, location);
  return dataFileFromWritten({
    written,
    schema: table.schema,
    spec,
    partition,
    location,
    content,
    ...(referencedDataFile === undefined ? {} : { referencedDataFile }),
  });
}

function dataLocation(
  { table, name }: Pick<WriteOptions, 'table' | 'name'>,
  spec: PartitionSpec,
  partition: readonly PartitionValue[],
  suffix?: string,
): Location {
  const folder = spec.fields.map(
    (field, index) => `${field.name}=${encodeURIComponent(String(partition[index]))}`,
  );
  return joinLocation(table.location, 'data', ...folder, fileName(name, suffix));
}

/** Names are never used twice, so an attempt that is run again can meet nobody's file. */
function fileName(name: string, suffix?: string): string {
  return `${name}-${randomBytes(6).toString('hex')}${suffix === undefined ? '' : `-${suffix}`}.parquet`;
}

function partitionOf(spec: PartitionSpec, cell: Cell): readonly PartitionValue[] {
  return spec.fields.map((field) => {
    if (field.transform.startsWith('bucket[')) return cell.bucket;
    return cell.month === undefined ? null : monthText(cell.month);
  });
}

/** The inverse of `partitionOf`; NaN for what the partition does not tell. */
export function cellOf(spec: PartitionSpec, partition: readonly PartitionValue[]): Cell {
  const bucket = partition[spec.fields.findIndex((field) => field.transform.startsWith('bucket['))];
  const month = partition[spec.fields.findIndex((field) => !field.transform.startsWith('bucket['))];
  return {
    bucket: typeof bucket === 'number' ? bucket : Number.NaN,
    ...(month === undefined ? {} : { month: monthOf(month) }),
  };
}

/** A month that is none has a number, too: that of another one. */
function monthOf(value: PartitionValue): number {
  const isMonth = typeof value === 'string' && /^\d{4}-(0[1-9]|1[0-2])$/.test(value);
  return isMonth ? monthNumber(value) : Number.NaN;
}

export function bytesIn(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

export const toJson = dataFileToJson;
