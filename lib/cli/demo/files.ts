import { currentSnapshot, type Table } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { scanFiles, snapshotOf } from '../tables.ts';

/** Size of a table as its readers see it. */
export interface TableFiles {
  readonly table: string;
  readonly files: number;
  readonly deleteFiles: number;
  readonly rows: number;
  /** What the newest commit added and removed, from its snapshot's summary. */
  readonly addedFiles: number;
  readonly removedFiles: number;
}

export async function countFiles(world: World, name: string, table: Table): Promise<TableFiles> {
  const deletes = new Map<string, number>();
  let files = 0;
  let stored = 0;
  for (const scan of await scanFiles(world, table, snapshotOf(table, {}))) {
    files += 1;
    stored += scan.file.rows;
    for (const one of scan.deletes) deletes.set(one.file.location, one.file.rows);
  }
  const dead = [...deletes.values()].reduce((sum, rows) => sum + rows, 0);
  const summary = currentSnapshot(table)?.summary ?? {};
  return {
    table: name,
    files,
    deleteFiles: deletes.size,
    rows: stored - dead,
    addedFiles: Number(summary['added-data-files'] ?? 0) + Number(summary['added-delete-files'] ?? 0),
    removedFiles: Number(summary['deleted-data-files'] ?? 0) + Number(summary['removed-delete-files'] ?? 0),
  };
}
