import {
  ancestors,
  commitStaged,
  currentSnapshot,
  expireSnapshots,
  loadTable,
  orphanFiles,
  snapshotById,
} from '../iceberg/index.ts';
import type { World } from '../run/workload.ts';
import type { Location, TableIdentifier } from '../stores/ports.ts';

interface ExpireOptions {
  readonly world: World;
  readonly identifier: TableIdentifier;
  readonly keep: number;
  readonly expireAfterMs: number;
  /** Snapshots that a run may come back to. */
  readonly pinned: ReadonlySet<bigint>;
}

export interface Expired {
  readonly snapshots: number;
  readonly files: number;
}

/**
 * Takes old snapshots out of the metadata, then deletes the files that only they reached. A pinned snapshot keeps
 * itself and every later one; where the table's own settings would not let it, nothing expires. A crash in between leaves orphan files, which the next clean-up finds.
 */
export async function expireOld(options: ExpireOptions): Promise<Expired> {
  const { world } = options;
  const store = world.warehouse;
  const table = await loadTable({ store, catalog: world.catalog, identifier: options.identifier });
  const history = currentSnapshot(table) === undefined ? [] : ancestors(table);
  const oldestPin = history.findLastIndex((snapshot) => options.pinned.has(snapshot.snapshotId));
  const now = world.clock.now();
  const pinAges = [...options.pinned].map((id) => now - (snapshotById(table, id)?.timestampMs ?? now) + 1);
  const expired = await expireSnapshots({
    store,
    table,
    clock: world.clock,
    keep: Math.max(options.keep, oldestPin + 1),
    olderThanMs: Math.max(options.expireAfterMs, ...pinAges),
  });
  if (expired.expiredSnapshotIds.some((id) => options.pinned.has(id))) return { snapshots: 0, files: 0 };
  if (expired.staged === undefined || expired.expiredSnapshotIds.length === 0)
    return { snapshots: 0, files: 0 };
  await commitStaged({ store, catalog: world.catalog, staged: [expired.staged] });
  await world.step('maintain:expired');
  let files = 0;
  for await (const location of expired.unreachable()) {
    await store.delete(location);
    files += 1;
  }
  return { snapshots: expired.expiredSnapshotIds.length, files };
}

interface OrphanOptions {
  readonly world: World;
  readonly identifier: TableIdentifier;
  readonly graceMs: number;
  /** Files of unfinished runs. */
  readonly needed: ReadonlySet<Location>;
  readonly apply: boolean;
}

export interface Orphans {
  readonly files: number;
  readonly sizeBytes: number;
  /** The first few, for people. */
  readonly examples: readonly Location[];
}

/** Files below the table that nothing refers to; deleted only when told. All are listed before the first is deleted. */
export async function removeOrphans(options: OrphanOptions): Promise<Orphans> {
  const { world } = options;
  const store = world.warehouse;
  const table = await loadTable({ store, catalog: world.catalog, identifier: options.identifier });
  const found: Location[] = [];
  for await (const location of orphanFiles({ store, table, clock: world.clock, graceMs: options.graceMs })) {
    if (!options.needed.has(location)) found.push(location);
  }
  found.sort();
  let sizeBytes = 0;
  for (const location of found) sizeBytes += (await store.head(location))?.sizeBytes ?? 0;
  if (options.apply) for (const location of found) await store.delete(location);
  return { files: found.length, sizeBytes, examples: found.slice(0, 20) };
}
