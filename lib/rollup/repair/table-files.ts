import type { Table } from '../../iceberg/index.ts';
import {
  compareValues,
  currentSchema,
  fieldByName,
  liveFiles,
  singleValueFromBytes,
} from '../../iceberg/index.ts';
import type { DataFile, PartitionValue, ScanFile } from '../../iceberg/types.ts';
import type { ObjectStore } from '../../stores/ports.ts';
import { refused } from './refuse.ts';

/** A live data file: what tells whether it can hold a row. */
export interface TableFile {
  readonly file: Pick<DataFile, 'location' | 'specId' | 'partition' | 'rows' | 'sizeBytes'>;
  readonly resolutionMs: number;
  /** Days since 1970. */
  readonly day: number;
  readonly ids: Bounds;
  /** Milliseconds. */
  readonly windows: readonly [least: number, most: number];
  /** Why its rows cannot be rewritten. */
  readonly unusable: string | undefined;
}

/** undefined: unknown. */
type Bounds = readonly [least: PartitionValue | undefined, most: PartitionValue | undefined];

/** Rows of some series in some windows of a resolution. */
export interface Wanted {
  readonly resolutionMs: number;
  readonly ids: Bounds;
  /** Days of the buckets; undefined: all. */
  readonly days: ReadonlySet<number> | undefined;
  readonly windows: readonly [least: number, most: number];
}

/** All live files of a snapshot, from the manifests. */
export async function tableFiles(options: {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly snapshotId: bigint;
  readonly series: string;
}): Promise<readonly TableFile[]> {
  const { table, series } = options;
  const schema = currentSchema(table);
  const [id, window] = [fieldByName(schema, series), fieldByName(schema, 'window_ts')];
  const files: TableFile[] = [];
  for await (const scan of liveFiles(options)) {
    const { file } = scan;
    const bound = (bounds: DataFile['lowerBounds'], field: typeof id) => {
      const bytes = field === undefined ? undefined : bounds?.get(field.id);
      if (bytes === undefined || typeof field?.type !== 'string') return undefined;
      return singleValueFromBytes(field.type, bytes);
    };
    const [resolution, day] = file.partition.map(Number);
    files.push({
      file: {
        location: file.location,
        specId: file.specId,
        partition: file.partition,
        rows: file.rows,
        sizeBytes: file.sizeBytes,
      },
      resolutionMs: resolution ?? 0,
      day: day ?? 0,
      ids: [bound(file.lowerBounds, id), bound(file.upperBounds, id)],
      windows: [
        inMs(bound(file.lowerBounds, window), Number.NEGATIVE_INFINITY),
        inMs(bound(file.upperBounds, window), Number.POSITIVE_INFINITY),
      ],
      unusable: unusable(scan, table),
    });
  }
  return files;
}

/** A bound of the table's microseconds; windows are whole milliseconds. */
function inMs(value: PartitionValue | undefined, unknown: number): number {
  return typeof value === 'bigint' ? Number(value / 1_000n) : unknown;
}

function unusable(scan: ScanFile, table: Table): string | undefined {
  if (scan.deletes.length > 0) return 'other writers have deleted rows of it';
  if (scan.file.format !== 'parquet') return `it is a ${scan.file.format} file`;
  return scan.file.specId === table.metadata.defaultSpecId
    ? undefined
    : 'it was written with another partition spec';
}

/**
 * Files that may hold what is wanted.
 * @throws RepairRefusedError when one of them cannot be rewritten row by row
 */
export function filesFor(files: readonly TableFile[], wanted: Wanted): readonly TableFile[] {
  const found = files.filter(
    (one) =>
      one.unusable === 'it was written with another partition spec' ||
      (one.resolutionMs === wanted.resolutionMs &&
        (wanted.days === undefined || wanted.days.has(one.day)) &&
        one.windows[0] <= wanted.windows[1] &&
        one.windows[1] >= wanted.windows[0] &&
        isBelow(one.ids[0], wanted.ids[1]) &&
        isBelow(wanted.ids[0], one.ids[1])),
  );
  const bad = found.find((one) => one.unusable !== undefined);
  if (bad === undefined) return found;
  throw refused(`${bad.file.location} cannot be rewritten: ${bad.unusable}`, {
    details: { file: bad.file.location },
    next: 'compact the table with its own engine first',
  });
}

function isBelow(least: PartitionValue | undefined, most: PartitionValue | undefined): boolean {
  return least === undefined || most === undefined || compareValues(least, most) <= 0;
}

const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** Day of the bucket of time of a window: its own, or the first of its month from 1 h up. */
export function bucketDay(windowMs: number, resolutionMs: number): number {
  const day = Math.floor(windowMs / dayMs);
  if (resolutionMs < hourMs) return day;
  return Math.floor(new Date(day * dayMs).setUTCDate(1) / dayMs);
}

/** Days of all buckets that windows in [least, most] lie in. */
export function bucketDays(least: number, most: number, resolutionMs: number): ReadonlySet<number> {
  const days = new Set<number>();
  for (let ms = Math.floor(least / dayMs) * dayMs; ms <= most; ms += dayMs)
    days.add(bucketDay(ms, resolutionMs));
  return days;
}
