import type { SummaryConfig } from '../../config/schema.ts';
import { rowBytes } from '../tables/buckets.ts';

/** What the work of a run costs in CPU and bytes: the plan's estimate and `partwise simulate` both reckon with this. */

/**
 * Measured on one core: a stored row costs `entryNs` per array entry to decode and encode. Merge-on-read reads keys
 * (a fixed share of that) and rewrites only what changes.
 */
const entryNs = 80;
const keyPassShare = 0.02;
const rowPassShare = 0.15;
const unitSeconds = 0.05;

/** What one stored row weighs. */
export interface RowShape {
  readonly cpuSeconds: number;
  readonly bytes: number;
}

export interface WorkVolume {
  /** Of both stages. */
  readonly units: number;
  /** Records that `resolve` judges. */
  readonly resolvedRows: number;
  /** Rows and bytes of files that are copied whole. */
  readonly copiedRows: number;
  readonly copiedBytes: number;
  /** Rows of files whose old rows are only marked. */
  readonly markedRows: number;
  /** Rows that are written anew beside them. */
  readonly changedRows: number;
}

export function rowShape(config: SummaryConfig): RowShape {
  return rowShapeOf(rowEntries(config), rowBytes(config));
}

/** Array entries and other columns of a row. */
export function rowEntries(config: SummaryConfig): number {
  return config.history.length * config.historyLength + config.columns.length + config.derived.length;
}

/** `entries`: array entries and scalars of a row. */
export function rowShapeOf(entries: number, bytes: number): RowShape {
  return { cpuSeconds: (entries * entryNs) / 1e9, bytes };
}

/** Of one core. */
export function cpuSeconds(row: RowShape, volume: WorkVolume): number {
  const rows =
    volume.resolvedRows * 2 +
    volume.copiedRows +
    volume.markedRows * (keyPassShare + rowPassShare) +
    volume.changedRows;
  return volume.units * unitSeconds + rows * row.cpuSeconds;
}

/** Reading the key columns of so many rows once. */
export function keyPassSeconds(row: RowShape, rows: number): number {
  return rows * row.cpuSeconds * keyPassShare;
}

export function bytesWritten(row: RowShape, volume: WorkVolume): number {
  return (volume.resolvedRows * 2 + volume.changedRows) * row.bytes + volume.copiedBytes;
}
