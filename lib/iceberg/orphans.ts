import { joinLocation, normalizeLocation } from '../stores/location.ts';
import type { Clock, Location, ObjectStore } from '../stores/ports.ts';
import type { AnyIterable } from './commit-added.ts';
import { type ManifestFile, readManifestList } from './manifest-list.ts';
import { entriesOf } from './scan.ts';
import type { Table } from './table-metadata.ts';

export interface OrphanOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly clock: Clock;
  /** Younger objects are never orphans: they may belong to a commit in flight. */
  readonly graceMs: number;
  /** Locations that someone else still needs: files of checkpoints and unfinished runs. */
  readonly alsoReachable?: AnyIterable<Location>;
}

/** Objects below the table's location that no snapshot and no metadata file of the log reaches, older than the grace period. */
export async function* orphanFiles(options: OrphanOptions): AsyncGenerator<Location> {
  const { store, table, clock, graceMs } = options;
  // The listing's limit is taken before reachability is read, so a file that a commit adds meanwhile is too young.
  const limit = clock.now() - graceMs;
  const reachable = await reachableFiles(options);
  for await (const object of store.list(joinLocation(table.metadata.location, ''))) {
    if (object.modifiedMs < limit && !reachable.has(normalizeLocation(object.location)))
      yield object.location;
  }
}

async function reachableFiles({
  store,
  table,
  alsoReachable,
}: OrphanOptions): Promise<ReadonlySet<Location>> {
  const { metadata } = table;
  const reachable = new Set<Location>();
  const add = (location: Location) => reachable.add(normalizeLocation(location));
  add(table.metadataLocation);
  for (const entry of metadata.metadataLog) add(entry.location);
  for (const key of ['statistics', 'partition-statistics']) {
    const files = metadata.extra[key];
    if (!Array.isArray(files)) continue;
    for (const file of files) add(String((file as { 'statistics-path'?: unknown })['statistics-path']));
  }
  const manifests = new Map<Location, ManifestFile>();
  for (const snapshot of metadata.snapshots) {
    add(snapshot.manifestList);
    for (const manifest of await readManifestList(store, snapshot))
      manifests.set(manifest.location, manifest);
  }
  for (const location of manifests.keys()) add(location);
  for await (const entry of entriesOf({
    store,
    table,
    manifests: [...manifests.values()],
    statistics: false,
  })) {
    if (entry.status !== 'deleted') add(entry.file.location);
  }
  if (alsoReachable !== undefined) for await (const location of alsoReachable) add(location);
  add(joinLocation(metadata.location, 'metadata', 'version-hint.text'));
  return reachable;
}
