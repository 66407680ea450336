import { CommitConflictError, IntegrityError, PinnedSnapshotExpiredError } from '../errors.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { type ManifestFile, readManifestList } from './manifest-list.ts';
import type { ManifestEntry } from './manifest-read.ts';
import { manifestMayMatch, type PartitionFilter } from './partition-filter.ts';
import { entriesOf } from './scan.ts';
import { ancestors, currentSnapshot, snapshotById, specById } from './table.ts';
import type { Snapshot, Table } from './table-metadata.ts';
import { bucketField } from './transforms.ts';
import type { PartitionSpec } from './types.ts';

export interface InterveningSnapshot {
  readonly snapshotId: bigint;
  readonly operation: string;
  /** Data and delete files in the filter's partitions. */
  readonly addedFiles: number;
  readonly removedFiles: number;
}

export interface ConflictReport {
  /** After the pinned one, oldest first, whatever they did. */
  readonly snapshots: readonly InterveningSnapshot[];
  /** Data and delete files in matching partitions that `replace` snapshots removed and added: only apply again to the new ones. */
  readonly replacedFiles: readonly Location[];
  readonly replacementFiles: readonly Location[];
}

export interface ValidateOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  /** undefined: the branch had no snapshot. */
  readonly sinceSnapshotId: bigint | undefined;
  readonly branch?: string;
  readonly filter?: PartitionFilter;
}

/**
 * Passes when nothing but `replace` touched the filter's partitions after the pinned snapshot: what was read there is
 * still what is stored there. Append-only commits need it as much as others, or two runs insert one key.
 * @throws CommitConflictError with details.snapshotIds (decimal text), details.buckets, details.files
 * @throws PinnedSnapshotExpiredError when the pinned snapshot is not in the metadata any more
 * @throws IntegrityError when a `replace` added rows
 */
export async function validateNoConflicts(options: ValidateOptions): Promise<ConflictReport> {
  const { store, table, filter } = options;
  const after = snapshotsAfter(options);
  const snapshots: InterveningSnapshot[] = [];
  const conflicts: Touched[] = [];
  const replaced = new Set<Location>();
  const replacements = new Set<Location>();
  for (const snapshot of after) {
    const touched = await filesTouchedBy(store, table, snapshot, filter);
    const operation = snapshot.summary['operation'] ?? 'unknown';
    snapshots.push({
      snapshotId: snapshot.snapshotId,
      operation,
      addedFiles: touched.added.length,
      removedFiles: touched.removed.length,
    });
    if (operation === 'replace') {
      assertRowsKept(touched);
      // A file of one replace may be the input of the next.
      for (const file of touched.removed)
        if (!replacements.delete(file.location)) replaced.add(file.location);
      for (const file of touched.added) replacements.add(file.location);
    } else if (touched.added.length + touched.removed.length > 0) conflicts.push(touched);
  }
  if (conflicts.length > 0) throw conflictError(table, conflicts);
  return { snapshots, replacedFiles: [...replaced], replacementFiles: [...replacements] };
}

/** Oldest first. */
function snapshotsAfter({ table, sinceSnapshotId, branch = 'main' }: ValidateOptions): readonly Snapshot[] {
  // A branch that does not exist yet will be made from the head of main.
  const head =
    table.metadata.refs[branch] === undefined ? currentSnapshot(table) : currentSnapshot(table, branch);
  const line = head === undefined ? [] : ancestors(table, head.snapshotId);
  if (sinceSnapshotId === undefined) {
    const oldest = line.at(-1);
    if (oldest?.parentSnapshotId !== undefined)
      throw expired(oldest.parentSnapshotId, 'a snapshot of the time since the plan');
    return line.toReversed();
  }
  const at = line.findIndex((snapshot) => snapshot.snapshotId === sinceSnapshotId);
  if (at >= 0) return line.slice(0, at).toReversed();
  if (snapshotById(table, sinceSnapshotId) === undefined)
    throw expired(sinceSnapshotId, 'the pinned snapshot');
  throw new CommitConflictError(`snapshot ${sinceSnapshotId} is not an ancestor of ${branch} any more`, {
    details: {
      snapshotIds: [String(sinceSnapshotId)],
      head: String(head?.snapshotId),
      branch,
      buckets: [],
      files: [],
    },
  });
}

function expired(snapshotId: bigint, what: string): PinnedSnapshotExpiredError {
  return new PinnedSnapshotExpiredError(`${what}, ${snapshotId}, has been expired`, {
    details: { snapshotId: String(snapshotId) },
  });
}

type TouchedFile = Pick<ManifestEntry['file'], 'location' | 'content' | 'rows' | 'specId' | 'partition'>;
interface Touched {
  readonly snapshot: Snapshot;
  readonly added: readonly TouchedFile[];
  readonly removed: readonly TouchedFile[];
  /** Whether delete files can have hidden rows of the removed files. */
  readonly hadDeletes: boolean;
}

/** Data and delete files that a snapshot added and removed: they stand in the manifests that it wrote itself. */
export async function filesTouchedBy(
  store: ObjectStore,
  table: Table,
  snapshot: Snapshot,
  filter?: PartitionFilter,
): Promise<Touched> {
  const all = await readManifestList(store, snapshot);
  const manifests = all.filter(
    (manifest) =>
      isOwn(manifest, snapshot) && (isUnscoped(table, manifest) || manifestMayMatch(table, manifest, filter)),
  );
  const added: TouchedFile[] = [];
  const removed: TouchedFile[] = [];
  for await (const entry of entriesOf({ store, table, manifests, statistics: false })) {
    if (entry.status === 'existing' || entry.snapshotId !== snapshot.snapshotId) continue;
    const { location, content, rows, specId, partition } = entry.file;
    const spec = specById(table, specId);
    // Equality deletes count for every partition.
    if (content !== 'equality-deletes' && filter !== undefined && !filter.matches(partition, spec)) continue;
    (entry.status === 'added' ? added : removed).push({ location, content, rows, specId, partition });
  }
  return { snapshot, added, removed, hadDeletes: all.some((manifest) => manifest.content === 'deletes') };
}

function isOwn(manifest: ManifestFile, snapshot: Snapshot): boolean {
  return (
    manifest.addedSnapshotId === snapshot.snapshotId &&
    (manifest.addedFiles ?? 1) + (manifest.deletedFiles ?? 1) > 0
  );
}

/** A manifest of delete files is opened always: only its entries tell whether they are equality deletes. */
function isUnscoped(table: Table, manifest: ManifestFile): boolean {
  return manifest.content === 'deletes' || specById(table, manifest.specId).fields.length === 0;
}

/** A compaction may drop rows that delete files had hidden, and adds none. */
function assertRowsKept({ snapshot, added, removed, hadDeletes }: Touched): void {
  const rowsOf = (files: readonly TouchedFile[]) =>
    files.reduce((sum, file) => (file.content === 'data' ? sum + file.rows : sum), 0);
  const before = rowsOf(removed);
  const after = rowsOf(added);
  if (after === before || (hadDeletes && after < before)) return;
  throw new IntegrityError(
    `snapshot ${snapshot.snapshotId} calls itself replace, but put ${after} rows in the place of ${before}`,
    {
      details: { snapshotId: String(snapshot.snapshotId), rowsBefore: before, rowsAfter: after },
      safe: 'the table is as the other writer left it',
    },
  );
}

function conflictError(table: Table, conflicts: readonly Touched[]): CommitConflictError {
  const files = conflicts.flatMap((touched) => [...touched.added, ...touched.removed]);
  const ids = conflicts.map((touched) => String(touched.snapshot.snapshotId));
  return new CommitConflictError(
    `table ${table.identifier.namespace}.${table.identifier.name}: snapshot ${ids.join(', ')} changed what this commit read`,
    {
      details: {
        snapshotIds: ids,
        buckets: bucketsOf(table, files),
        files: files.slice(0, 100).map((file) => file.location),
        count: files.length,
      },
      safe: 'the table is as the other writer left it',
    },
  );
}

/** Buckets that were touched, ascending; `all` when a file of a spec without buckets is among them. */
function bucketsOf(table: Table, files: readonly TouchedFile[]): readonly number[] | 'all' {
  const buckets = new Set<number>();
  for (const file of files) {
    const bucket = file.partition[bucketIndex(specById(table, file.specId))];
    if (typeof bucket !== 'number' || file.content === 'equality-deletes') return 'all';
    buckets.add(bucket);
  }
  return [...buckets].sort((left, right) => left - right);
}

function bucketIndex(spec: PartitionSpec): number {
  return bucketField(spec)?.index ?? -1;
}

/** Newest ancestor of the branch head whose summary has the value: how a commit finds itself again. */
export function findSnapshotByProperty(options: {
  readonly table: Table;
  readonly branch?: string;
  readonly key: string;
  readonly value: string;
}): Snapshot | undefined {
  const head = currentSnapshot(options.table, options.branch ?? 'main');
  if (head === undefined) return undefined;
  return ancestors(options.table, head.snapshotId).find(
    (snapshot) => snapshot.summary[options.key] === options.value,
  );
}
