import {
  liveFiles,
  type PartitionFilter,
  type RemovedFile,
  type ScanFile,
  type Table,
} from '../iceberg/index.ts';
import type { ObjectStore } from '../stores/ports.ts';

export interface CompactionPolicy {
  readonly targetFileBytes: number;
  /** More small files (under a quarter of the target) than this in a cell, or more delete files, and it is compacted. */
  readonly maxSmallFiles: number;
  /** Deleted positions over rows of the cell's data files. */
  readonly maxDeadFraction: number;
}

/** What to rewrite in one cell, and why. */
export interface CellToCompact {
  readonly partition: ScanFile['file']['partition'];
  readonly specId: number;
  readonly files: readonly ScanFile[];
  /** Delete files that apply to nothing but `files`. */
  readonly removedDeletes: readonly RemovedFile[];
  readonly reason: string;
  readonly rows: number;
  readonly sizeBytes: number;
}

/** Cells of the snapshot that the policy wants rewritten; of the current spec only: files of others stay as they are. */
export async function cellsToCompact(options: {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly snapshotId: bigint;
  readonly policy: CompactionPolicy;
  /** Cells to look at; default: all. */
  readonly partitionFilter?: PartitionFilter;
}): Promise<readonly CellToCompact[]> {
  const cells = new Map<string, ScanFile[]>();
  for await (const scan of liveFiles({ ...options, statistics: false })) {
    if (scan.file.specId !== options.table.metadata.defaultSpecId) continue;
    const name = partitionName(scan);
    const files = cells.get(name);
    if (files === undefined) cells.set(name, [scan]);
    else files.push(scan);
  }
  return [...cells]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, files]) => cellToCompact(files, options.policy))
    .filter((cell) => cell !== undefined);
}

/** Pure. Undefined when the cell is fine as it is. */
export function cellToCompact(
  files: readonly ScanFile[],
  policy: CompactionPolicy,
): CellToCompact | undefined {
  const first = files[0];
  if (first === undefined) return undefined;
  const small = files.filter((scan) => scan.file.sizeBytes * 4 < policy.targetFileBytes);
  const deletes = new Map(files.flatMap((scan) => scan.deletes.map((one) => [one.file.location, one.file])));
  const rows = sum(files, (scan) => scan.file.rows);
  const dead = sum([...deletes.values()], (file) => file.rows);
  const reasons = [
    small.length > policy.maxSmallFiles ? `${small.length} small files` : undefined,
    rows > 0 && dead / rows > policy.maxDeadFraction
      ? `${Math.round((100 * dead) / rows)} % of the rows deleted`
      : undefined,
    deletes.size > policy.maxSmallFiles ? `${deletes.size} delete files` : undefined,
  ].filter((reason) => reason !== undefined);
  if (reasons.length === 0) return undefined;
  const chosen = files.filter((scan) => scan.deletes.length > 0 || small.includes(scan));
  return {
    partition: first.file.partition,
    specId: first.file.specId,
    files: chosen,
    removedDeletes: settledDeletes(files, chosen),
    reason: reasons.join(', '),
    rows: sum(chosen, (scan) => scan.file.rows),
    sizeBytes: sum(chosen, (scan) => scan.file.sizeBytes),
  };
}

/** One text per partition, in the partitions' order as far as text has it. */
export function partitionName(scan: ScanFile): string {
  return scan.file.partition
    .map((value) => (value === null ? '~' : String(value).padStart(12, '0')))
    .join('/');
}

/** A delete file may go when every data file of its cell that it applies to goes. */
function settledDeletes(files: readonly ScanFile[], chosen: readonly ScanFile[]): readonly RemovedFile[] {
  const kept = new Set(
    files
      .filter((scan) => !chosen.includes(scan))
      .flatMap((scan) => scan.deletes.map((one) => one.file.location)),
  );
  const going = new Map(chosen.flatMap((scan) => scan.deletes.map((one) => [one.file.location, one.file])));
  return [...going.values()].filter((file) => !kept.has(file.location));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
