import { UnsupportedFeatureError } from '../errors.ts';
import {
  assertReadable,
  cellFilter,
  currentSchema,
  currentSnapshot,
  liveFiles,
  type PartitionFilter,
  type ScanFile,
  type Table,
} from '../iceberg/index.ts';
import type { PartitionSpec, PartitionValue } from '../iceberg/types.ts';
import type { ObjectStore } from '../stores/ports.ts';
import { monthNumber } from './sql/months.ts';
import type { FileSpec } from './types.ts';

interface BucketFilesOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly branch: string;
  readonly key: string;
  /** Column of identity(month); undefined for tables without it. */
  readonly month: string | undefined;
  readonly count: number;
  readonly buckets: ReadonlySet<number>;
}

/** Live files of some buckets by bucket, ascending by month then location. Streams the manifests, keeps no statistics. */
export async function filesByBucket(options: BucketFilesOptions): Promise<ReadonlyMap<number, FileSpec[]>> {
  const { store, table, branch, month, buckets } = options;
  const snapshot = currentSnapshot(table, branch) ?? currentSnapshot(table);
  const found = new Map<number, FileSpec[]>();
  if (snapshot === undefined) return found;
  const files = liveFiles({
    store,
    table,
    snapshotId: snapshot.snapshotId,
    partitionFilter: bucketFilter(options),
    statistics: false,
  });
  for await (const file of files) {
    assertReadable(file);
    const place = placeOf(file, table.metadata.specs, month);
    if (!buckets.has(place.bucket)) continue;
    const specs = found.get(place.bucket);
    const spec = fileSpec(file, place.month);
    if (specs === undefined) found.set(place.bucket, [spec]);
    else specs.push(spec);
  }
  for (const specs of found.values())
    specs.sort((a, b) => a.month - b.month || compareText(a.location, b.location));
  return found;
}

/** Partitions of the buckets, whatever their month: what a run over them reads. */
export function bucketFilter(
  options: Pick<BucketFilesOptions, 'table' | 'key' | 'count' | 'buckets'>,
): PartitionFilter {
  return cellFilter({
    schema: currentSchema(options.table),
    bucket: { column: options.key, count: options.count, values: options.buckets },
  });
}

function fileSpec({ file, deletes }: ScanFile, month: number): FileSpec {
  return {
    location: file.location,
    specId: file.specId,
    partition: file.partition.map(jsonValue),
    month,
    rows: file.rows,
    sizeBytes: file.sizeBytes,
    deletes: deletes
      .map((one) => ({
        location: one.file.location,
        specId: one.file.specId,
        partition: one.file.partition.map(jsonValue),
        rows: one.file.rows,
      }))
      .sort((a, b) => compareText(a.location, b.location)),
  };
}

/** @throws UnsupportedFeatureError for a file of a spec that says nothing about its month or bucket */
function placeOf(
  { file }: ScanFile,
  specs: readonly PartitionSpec[],
  month: string | undefined,
): { readonly month: number; readonly bucket: number } {
  const spec = specs.find((one) => one.specId === file.specId);
  const value = (wanted: (transform: string, name: string) => boolean) => {
    const index = spec?.fields.findIndex((field) => wanted(field.transform, field.name)) ?? -1;
    return index < 0 ? undefined : file.partition[index];
  };
  const bucket = value((transform) => transform.startsWith('bucket['));
  const text =
    month === undefined ? undefined : value((transform, name) => transform === 'identity' && name === month);
  if (typeof bucket !== 'number' || (month !== undefined && typeof text !== 'string')) {
    throw new UnsupportedFeatureError(
      `${file.location} was written with partition spec ${file.specId}, which does not tell its month and bucket`,
      {
        safe: 'the tables are untouched',
      },
    );
  }
  return { bucket, month: typeof text === 'string' ? monthNumber(text) : 0 };
}

function jsonValue(value: PartitionValue): string | number | boolean | null {
  return typeof value === 'bigint' ? Number(value) : value;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
