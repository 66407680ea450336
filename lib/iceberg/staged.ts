import { CommitConflictError, CommitStateUnknownError } from '../errors.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { CatalogPointer, ObjectStore, PointerSwap } from '../stores/ports.ts';
import { loadTable } from './table.ts';
import type { Table, TableMetadata } from './table-metadata.ts';

/** The change of one table, durable but not visible until its swap. */
export interface StagedCommit {
  readonly swap: PointerSwap;
  /** The new snapshot; undefined for changes of metadata alone. */
  readonly snapshotId: bigint | undefined;
  readonly metadata: TableMetadata;
  /** The table as it will be after the swap. */
  readonly table: Table;
}

export interface CommitStagedOptions {
  /** Lets an unknown outcome be settled by reading the table again. */
  readonly store?: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly staged: readonly StagedCommit[];
  /** Called between two swaps of a catalog that cannot do both at once; tests fail here. */
  readonly between?: () => Promise<void>;
}

/**
 * The commit point. One swap for all where the catalog can; else one after the other in the given order, and a failure
 * leaves the earlier ones committed. Nothing is deleted whatever happens.
 * @throws CommitConflictError, CommitStateUnknownError
 */
export async function commitStaged(options: CommitStagedOptions): Promise<readonly Table[]> {
  const { catalog, staged } = options;
  const groups = catalog.multiTable ? [staged] : staged.map((one) => [one]);
  for (const [index, group] of groups.entries()) {
    if (group.length === 0) continue;
    if (index > 0) await options.between?.();
    try {
      await catalog.swap(group.map((one) => one.swap));
    } catch (cause) {
      if (!(cause instanceof CommitConflictError) && !(cause instanceof CommitStateUnknownError)) throw cause;
      if (!(await allLanded(options, group))) throw cause;
    }
  }
  return staged.map((one) => one.table);
}

/** Whether each swap did land, whoever wrote on top of it since. A swap that our own hidden retry repeated looks like a conflict. */
async function allLanded(options: CommitStagedOptions, group: readonly StagedCommit[]): Promise<boolean> {
  for (const one of group) {
    try {
      if (!(await landed(options, one))) return false;
    } catch {
      // The first error is the one to report; what cannot be read settles nothing.
      return false;
    }
  }
  return true;
}

async function landed({ catalog, store }: CommitStagedOptions, one: StagedCommit): Promise<boolean> {
  const { identifier, next } = one.swap;
  const current = await catalog.current(identifier);
  if (current === undefined) return false;
  if (normalizeLocation(current) === normalizeLocation(next)) return true;
  if (store === undefined) return false;
  const { metadata } = await loadTable({ store, catalog, identifier });
  if (metadata.tableUuid !== one.metadata.tableUuid) return false;
  return (
    metadata.metadataLog.some((entry) => normalizeLocation(entry.location) === normalizeLocation(next)) ||
    (one.snapshotId !== undefined &&
      metadata.snapshots.some((snapshot) => snapshot.snapshotId === one.snapshotId))
  );
}
