import { partitionKey } from './delete-index.ts';
import type { Snapshot } from './table-metadata.ts';
import type { DataFile } from './types.ts';

/** Counts of one commit for its summary, https://iceberg.apache.org/spec/#optional-snapshot-summary-fields. */
export interface Tally {
  added(file: DataFile): void;
  removed(file: DataFile): void;
  counts(): Readonly<Record<string, number>>;
}

const totals = [
  'records',
  'files-size',
  'data-files',
  'delete-files',
  'position-deletes',
  'equality-deletes',
] as const;

export function tally(): Tally {
  const counts: Record<string, number> = {};
  const partitions = new Set<string>();
  const count = (key: string, by: number) => {
    counts[key] = (counts[key] ?? 0) + by;
  };
  const note = (file: DataFile, change: 'added' | 'removed') => {
    partitions.add(partitionKey(file.specId, file.partition));
    count(`${change}-files-size`, file.sizeBytes);
    if (file.content === 'data') {
      const verb = change === 'added' ? 'added' : 'deleted';
      count(`${verb}-data-files`, 1);
      count(`${verb}-records`, file.rows);
    } else {
      const kind = file.content === 'position-deletes' ? 'position' : 'equality';
      count(`${change}-delete-files`, 1);
      count(`${change}-${kind}-delete-files`, 1);
      count(`${change}-${kind}-deletes`, file.rows);
    }
  };
  return {
    added: (file) => note(file, 'added'),
    removed: (file) => note(file, 'removed'),
    counts: () => ({ ...counts, 'changed-partition-count': partitions.size }),
  };
}

/** Changes and totals as text. A total that the parent does not state is left out, never guessed. */
export function commitSummary(tallied: Tally, parent: Snapshot | undefined): Record<string, string> {
  const counts = tallied.counts();
  const summary: Record<string, string> = Object.fromEntries(
    Object.entries(counts).map(([key, value]) => [key, String(value)]),
  );
  for (const total of totals) {
    const before = parent === undefined ? '0' : parent.summary[`total-${total}`];
    if (before === undefined || !/^\d+$/.test(before)) continue;
    const minus = total === 'records' || total === 'data-files' ? 'deleted' : 'removed';
    const after =
      BigInt(before) + BigInt(counts[`added-${total}`] ?? 0) - BigInt(counts[`${minus}-${total}`] ?? 0);
    if (after >= 0n) summary[`total-${total}`] = String(after);
  }
  return summary;
}
