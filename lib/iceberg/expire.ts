import { ObjectNotFoundError, PinnedSnapshotExpiredError } from '../errors.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { type ManifestFile, readManifestList } from './manifest-list.ts';
import { type MetadataChange, writeMetadata } from './metadata-change.ts';
import { entriesOf } from './scan.ts';
import type { StagedCommit } from './staged.ts';
import { ancestors } from './table.ts';
import type { Snapshot, Table } from './table-metadata.ts';

export interface ExpireOptions extends MetadataChange {
  /** How many snapshots of each branch stay whatever their age; at least 1. A branch's own setting goes before it. */
  readonly keep: number;
  /** Snapshots younger than this stay. */
  readonly olderThanMs: number;
}

export interface ExpiredSnapshots {
  /** undefined when there is nothing to expire. */
  readonly staged: StagedCommit | undefined;
  readonly expiredSnapshotIds: readonly bigint[];
  /**
   * Reachable before and not after: data, delete, manifest and manifest-list files. Delete them only after the commit:
   * its swap fails when another writer came first, and then they may be needed.
   */
  unreachable(): AsyncIterable<Location>;
}

/** Stages the removal of old snapshots; what refs need stays. Deletes nothing. */
export async function expireSnapshots(options: ExpireOptions): Promise<ExpiredSnapshots> {
  const { store, table, clock } = options;
  const { metadata } = table;
  const kept = keptSnapshots(table, options, clock.now());
  const gone = metadata.snapshots.filter((snapshot) => !kept.has(snapshot.snapshotId));
  if (gone.length === 0)
    return { staged: undefined, expiredSnapshotIds: [], unreachable: async function* () {} };
  const remaining = metadata.snapshots.filter((snapshot) => kept.has(snapshot.snapshotId));
  const staged = await writeMetadata({
    ...options,
    metadata: { ...metadata, snapshots: remaining, extra: withoutStatistics(metadata.extra, kept) },
  });
  return {
    staged,
    expiredSnapshotIds: gone.map((snapshot) => snapshot.snapshotId),
    unreachable: () => unreachableFiles(store, table, gone, remaining),
  };
}

/** Each branch keeps its newest and its young snapshots, each tag its one; a snapshot of no ref stays while it is young. */
function keptSnapshots(table: Table, { keep, olderThanMs }: ExpireOptions, now: number): ReadonlySet<bigint> {
  const kept = new Set<bigint>();
  for (const ref of Object.values(table.metadata.refs)) {
    if (ref.type === 'tag') {
      kept.add(ref.snapshotId);
      continue;
    }
    const least = Math.max(1, ref.minSnapshotsToKeep ?? keep);
    const age = ref.maxSnapshotAgeMs ?? olderThanMs;
    for (const [index, snapshot] of ancestors(table, ref.snapshotId).entries()) {
      // A line is cut, never holed: what is behind the first expired one goes too.
      if (index >= least && now - snapshot.timestampMs >= age) break;
      kept.add(snapshot.snapshotId);
    }
  }
  const ofRefs = new Set(
    Object.values(table.metadata.refs).flatMap((ref) =>
      ancestors(table, ref.snapshotId).map((snapshot) => snapshot.snapshotId),
    ),
  );
  for (const snapshot of table.metadata.snapshots) {
    if (!ofRefs.has(snapshot.snapshotId) && now - snapshot.timestampMs < olderThanMs)
      kept.add(snapshot.snapshotId);
  }
  return kept;
}

/** Statistics files of expired snapshots leave the metadata too; the files themselves are orphans then. */
function withoutStatistics(
  extra: Readonly<Record<string, unknown>>,
  kept: ReadonlySet<bigint>,
): Readonly<Record<string, unknown>> {
  const alive = (item: unknown) => {
    const id = (item as { 'snapshot-id'?: number | bigint })['snapshot-id'];
    return id === undefined || kept.has(BigInt(id));
  };
  return Object.fromEntries(
    Object.entries(extra).map(([key, value]) => [
      key,
      (key === 'statistics' || key === 'partition-statistics') && Array.isArray(value)
        ? value.filter(alive)
        : value,
    ]),
  );
}

/** Memory grows with what the expired snapshots alone can reach, not with the table. */
async function* unreachableFiles(
  store: ObjectStore,
  table: Table,
  gone: readonly Snapshot[],
  remaining: readonly Snapshot[],
): AsyncGenerator<Location> {
  const needed = new Map<Location, ManifestFile>();
  const lists = new Set<Location>();
  for (const snapshot of remaining) {
    lists.add(snapshot.manifestList);
    for (const manifest of await readManifestList(store, snapshot)) needed.set(manifest.location, manifest);
  }
  const orphaned = new Map<Location, ManifestFile>();
  for (const snapshot of gone) {
    for (const manifest of await ifThere(() => readManifestList(store, snapshot), [])) {
      if (!needed.has(manifest.location)) orphaned.set(manifest.location, manifest);
    }
  }
  const candidates = new Set<Location>();
  for (const manifest of orphaned.values()) {
    for (const location of await ifThere(() => locationsIn(store, table, manifest), []))
      candidates.add(location);
  }
  if (candidates.size > 0) {
    for await (const entry of entriesOf({
      store,
      table,
      manifests: [...needed.values()],
      statistics: false,
    })) {
      if (entry.status !== 'deleted') candidates.delete(normalizeLocation(entry.file.location));
    }
  }
  // From the leaves to the root: what is left after a crash can still be found again.
  yield* candidates;
  for (const location of orphaned.keys()) yield normalizeLocation(location);
  for (const snapshot of gone)
    if (!lists.has(snapshot.manifestList)) yield normalizeLocation(snapshot.manifestList);
}

async function locationsIn(
  store: ObjectStore,
  table: Table,
  manifest: ManifestFile,
): Promise<readonly Location[]> {
  const locations: Location[] = [];
  for await (const entry of entriesOf({ store, table, manifests: [manifest], statistics: false }))
    locations.push(normalizeLocation(entry.file.location));
  return locations;
}

/** Files of an expired snapshot may have been deleted by an earlier, interrupted clean-up. */
async function ifThere<T>(read: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof ObjectNotFoundError || cause instanceof PinnedSnapshotExpiredError) return otherwise;
    throw cause;
  }
}
