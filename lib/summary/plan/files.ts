import { UnsupportedFeatureError } from '../../errors.ts';
import {
  assertReadable,
  bucketField,
  cellFilter,
  currentSchema,
  currentSnapshot,
  liveFiles,
  type PartitionFilter,
  type ScanFile,
  type Table,
} from '../../iceberg/index.ts';
import type { PartitionSpec, PartitionValue } from '../../iceberg/types.ts';
import type { ObjectStore } from '../../stores/ports.ts';
import { monthNumber } from '../sql/months.ts';
import type { FileSpec } from '../types.ts';

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
    if (place.count !== options.count) throw otherBuckets(options, file, place.count);
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

/** Keys of one bucket lie in several of another number of them, so a run would miss rows. */
function otherBuckets(
  { table, count }: BucketFilesOptions,
  { file }: ScanFile,
  found: number,
): UnsupportedFeatureError {
  const { namespace, name } = table.identifier;
  return new UnsupportedFeatureError(
    `${namespace}.${name} has ${count} buckets, and its file ${file.location} was written for ${found}; partwise rebucket --buckets ${count} rewrites such files`,
    {
      details: { location: file.location, specId: file.specId },
      safe: 'the tables are untouched',
    },
  );
}

export function fileSpec({ file, deletes }: ScanFile, month: number): FileSpec {
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

/** Where a file's partition says that it lies. */
export interface FilePlace {
  /** 0 in tables without months. */
  readonly month: number;
  readonly bucket: number;
  /** N of the buckets that it was written for. */
  readonly count: number;
}

/** @throws UnsupportedFeatureError for a file of a spec that says nothing about its month or bucket */
export function placeOf(
  { file }: { readonly file: Pick<ScanFile['file'], 'location' | 'specId' | 'partition'> },
  specs: readonly PartitionSpec[],
  month: string | undefined,
): FilePlace {
  const spec = specs.find((one) => one.specId === file.specId);
  const field = spec === undefined ? undefined : bucketField(spec);
  const bucket = field === undefined ? undefined : file.partition[field.index];
  const monthAt = spec?.fields.findIndex((one) => one.transform === 'identity' && one.name === month) ?? -1;
  const text = file.partition[monthAt];
  if (
    field === undefined ||
    typeof bucket !== 'number' ||
    (month !== undefined && typeof text !== 'string')
  ) {
    throw new UnsupportedFeatureError(
      `${file.location} was written with partition spec ${file.specId}, which does not tell its month and bucket`,
      {
        safe: 'the tables are untouched',
      },
    );
  }
  return { bucket, count: field.count, month: typeof text === 'string' ? monthNumber(text) : 0 };
}

export function jsonValue(value: PartitionValue): string | number | boolean | null {
  return typeof value === 'bigint' ? Number(value) : value;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
