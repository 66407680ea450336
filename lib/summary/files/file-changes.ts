import type { RemovedFile } from '../../iceberg/index.ts';
import type { DataFile } from '../../iceberg/types.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import type { Role } from '../tables/tables.ts';
import type { FileSpec } from '../types.ts';
import { toJson } from './writing.ts';

interface Changed {
  readonly role: Role;
  readonly added?: readonly DataFile[];
  readonly addedDeletes?: readonly DataFile[];
  /** Data files that go, with all delete files that apply to them. */
  readonly removed?: readonly FileSpec[];
  /** Data files that stay and whose delete files are replaced. */
  readonly redeleted?: readonly FileSpec[];
}

export function tableChange(changed: Changed): TableChange {
  const removed = changed.removed ?? [];
  const deletes = [...removed, ...(changed.redeleted ?? [])].flatMap((file) => file.deletes);
  const unique = new Map(deletes.map((file) => [file.location, file]));
  return {
    role: changed.role,
    added: (changed.added ?? []).map(toJson),
    addedDeletes: (changed.addedDeletes ?? []).map(toJson),
    removed: removed.map(removedFile),
    removedDeletes: [...unique.values()].map(removedFile),
  };
}

function isEmptyChange(change: TableChange): boolean {
  return (
    change.added.length +
      change.addedDeletes.length +
      change.removed.length +
      change.removedDeletes.length ===
    0
  );
}

function removedFile({
  location,
  specId,
  partition,
}: Pick<FileSpec, 'location' | 'specId' | 'partition'>): RemovedFile {
  return { location, specId, partition };
}

/** Whether one delete file applies to several of the files: then they are rewritten together. */
export function sharesDeletes(files: readonly FileSpec[]): boolean {
  const seen = new Set<string>();
  for (const file of files) {
    for (const { location } of file.deletes) {
      if (seen.has(location)) return true;
      seen.add(location);
    }
  }
  return false;
}

/** One change of the summary for the whole unit; none when nothing changes. */
export function mergeChanges(changes: readonly TableChange[]): readonly TableChange[] {
  const merged: TableChange = {
    role: 'summary',
    added: changes.flatMap((change) => change.added),
    addedDeletes: changes.flatMap((change) => change.addedDeletes),
    removed: changes.flatMap((change) => change.removed),
    removedDeletes: changes.flatMap((change) => change.removedDeletes),
  };
  return isEmptyChange(merged) ? [] : [merged];
}
