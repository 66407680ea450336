import { liveFiles, type ScanFile, specById, type Table } from '../../iceberg/index.ts';
import type { ObjectStore } from '../../stores/ports.ts';
import { partitionName } from '../../upkeep/cells.ts';

/** Files of one batch of partitions that one side has and the other has not, or has with other deletes. */
export interface DifferingFiles {
  readonly from: readonly ScanFile[];
  readonly to: readonly ScanFile[];
}

export interface FileDifference {
  readonly batches: readonly DifferingFiles[];
  readonly sharedFiles: number;
  readonly sharedRows: number;
}

interface DifferingOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly fromSnapshotId: bigint | undefined;
  readonly toSnapshotId: bigint | undefined;
  /** A batch ends at the partition that passes this many rows of either side. */
  readonly batchRows: number;
}

/**
 * Compares two snapshots by their files. A row is in the same partition on both sides only where both sides have the
 * same partition fields. Of files of several specs those fields tell that all of them have: after a change of buckets, the month.
 */
export async function differingFiles(options: DifferingOptions): Promise<FileDifference> {
  const scan = { store: options.store, table: options.table, statistics: false };
  const from = new Map<string, ScanFile>();
  for await (const file of liveFiles({ ...scan, snapshotId: options.fromSnapshotId }))
    from.set(identity(file), file);
  const to: ScanFile[] = [];
  let sharedFiles = 0;
  let sharedRows = 0;
  for await (const file of liveFiles({ ...scan, snapshotId: options.toSnapshotId })) {
    if (from.delete(identity(file))) {
      sharedFiles += 1;
      sharedRows += file.file.rows;
    } else {
      to.push(file);
    }
  }
  return { batches: batches(options, [...from.values()], to), sharedFiles, sharedRows };
}

function identity(scan: ScanFile): string {
  const deletes = scan.deletes.map((one) => one.file.location).sort();
  return [scan.file.location, ...deletes].join('\n');
}

function batches(
  { table, batchRows }: Pick<DifferingOptions, 'table' | 'batchRows'>,
  from: readonly ScanFile[],
  to: readonly ScanFile[],
): readonly DifferingFiles[] {
  const nameOf = partitionNames(table, [...from, ...to]);
  const groups = new Map<string, { from: ScanFile[]; to: ScanFile[] }>();
  const groupOf = (scan: ScanFile) => {
    const name = nameOf(scan);
    const group = groups.get(name) ?? { from: [], to: [] };
    groups.set(name, group);
    return group;
  };
  for (const scan of from) groupOf(scan).from.push(scan);
  for (const scan of to) groupOf(scan).to.push(scan);

  const result: DifferingFiles[] = [];
  let open = { from: [] as ScanFile[], to: [] as ScanFile[] };
  for (const [, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    open.from.push(...group.from);
    open.to.push(...group.to);
    if (Math.max(rowsOf(open.from), rowsOf(open.to)) < batchRows) continue;
    result.push(open);
    open = { from: [], to: [] };
  }
  if (open.from.length + open.to.length > 0) result.push(open);
  return result;
}

function rowsOf(files: readonly ScanFile[]): number {
  return files.reduce((sum, scan) => sum + scan.file.rows, 0);
}

/** Equal for files whose rows may be the same ones. */
function partitionNames(table: Table, scans: readonly ScanFile[]): (scan: ScanFile) => string {
  const ids = [...new Set(scans.map(({ file }) => file.specId))];
  if (ids.length < 2) return partitionName;
  const specs = new Map(ids.map((id) => [id, specById(table, id).fields.map(({ fieldId }) => fieldId)]));
  const [first = [], ...others] = specs.values();
  const shared = first.filter((id) => others.every((fields) => fields.includes(id)));
  return ({ file }) =>
    JSON.stringify(shared.map((id) => String(file.partition[specs.get(file.specId)?.indexOf(id) ?? -1])));
}
