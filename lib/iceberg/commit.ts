import { joinLocation } from '../stores/location.ts';
import type { Clock, ObjectStore } from '../stores/ports.ts';
import { type AnyIterable, addedManifests } from './commit-added.ts';
import { carryOver } from './commit-carry.ts';
import { mergeSmall } from './commit-merge.ts';
import { type RemovedFile, removals } from './commit-removals.ts';
import { commitSummary, tally } from './commit-summary.ts';
import { formatManifestList, type ManifestFile, manifestsOf } from './manifest-list.ts';
import type { ManifestWriterOptions } from './manifest-write.ts';
import { withSnapshot, writeMetadata } from './metadata-change.ts';
import { newSnapshotId, type Random, systemRandom, uuid } from './random.ts';
import type { StagedCommit } from './staged.ts';
import { currentSnapshot } from './table.ts';
import type { Snapshot, Table, TableMetadata } from './table-metadata.ts';
import type { DataFile } from './types.ts';

export interface Changes {
  readonly added?: AnyIterable<DataFile>;
  readonly addedDeletes?: AnyIterable<DataFile>;
  readonly removed?: AnyIterable<RemovedFile>;
  readonly removedDeletes?: AnyIterable<RemovedFile>;
}

export interface StageCommitOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  /** Default `main`. A branch that does not exist is made from the head of main. */
  readonly branch?: string;
  readonly changes: Changes;
  readonly operation: 'append' | 'overwrite' | 'replace' | 'delete';
  /** Extra keys of the snapshot summary, such as `partwise.run-id`. */
  readonly summary?: Readonly<Record<string, string>>;
  /** Table properties set in the same swap. */
  readonly properties?: Readonly<Record<string, string>>;
  /** A tag that moves to the new snapshot in the same swap. */
  readonly tag?: string;
  readonly clock: Clock;
  readonly random?: Random;
  /** Default: a new one. Given when another table's commit names this one before it is staged. */
  readonly snapshotId?: bigint;
  /** Entries per new manifest. Default 2,000. */
  readonly manifestEntries?: number;
}

/** What the steps of one commit share. */
export interface CommitContext {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly snapshotId: bigint;
  readonly tally: ReturnType<typeof tally>;
  writer(content: 'data' | 'deletes', specId: number): ManifestWriterOptions;
}

/**
 * Writes manifests, manifest list and metadata of a new snapshot on the branch's head. All are new files that nothing
 * refers to: `commitStaged` makes them visible. Additions stream; removals are held in memory by name.
 * @throws CommitConflictError when a removed file is not live, PinnedSnapshotExpiredError
 */
export async function stageCommit(options: StageCommitOptions): Promise<StagedCommit> {
  const { store, table, changes } = options;
  const branch = options.branch ?? 'main';
  const random = options.random ?? systemRandom;
  const parent =
    table.metadata.refs[branch] === undefined ? currentSnapshot(table) : currentSnapshot(table, branch);
  const snapshotId =
    options.snapshotId ??
    newSnapshotId(random, (id) => table.metadata.snapshots.some((snapshot) => snapshot.snapshotId === id));
  const sequenceNumber = table.metadata.lastSequenceNumber + 1n;
  const commitId = uuid(random);
  const entriesPerManifest = options.manifestEntries ?? 2_000;
  let files = 0;
  const context: CommitContext = {
    store,
    table,
    snapshotId,
    tally: tally(),
    writer: (content, specId) => ({
      store,
      table,
      content,
      specId,
      snapshotId,
      sequenceNumber,
      commitId,
      entriesPerManifest,
      random,
      nextFileNumber: () => files++,
    }),
  };

  const inherited = await manifestsOf(store, table, parent?.snapshotId);
  const removed = await removals(table, changes.removed ?? [], changes.removedDeletes ?? []);
  const carried = await carryOver(context, inherited, removed);
  removed.assertAllFound();
  const added: ManifestFile[] = [
    ...(await addedManifests(context, 'data', changes.added ?? [])),
    ...(await addedManifests(context, 'deletes', changes.addedDeletes ?? [])),
  ];
  const kept = await mergeSmall(context, carried, entriesPerManifest);

  const manifestList = joinLocation(
    table.metadata.location,
    'metadata',
    `snap-${snapshotId}-1-${commitId}.avro`,
  );
  const parentSnapshotId = parent?.snapshotId;
  await store.write(
    manifestList,
    formatManifestList({
      manifests: [...added, ...kept],
      snapshotId,
      parentSnapshotId,
      sequenceNumber,
      sync: random.bytes(16),
    }),
  );
  const snapshot: Snapshot = {
    snapshotId,
    parentSnapshotId,
    sequenceNumber,
    timestampMs: Math.max(options.clock.now(), table.metadata.lastUpdatedMs),
    manifestList,
    summary: { operation: options.operation, ...options.summary, ...commitSummary(context.tally, parent) },
    schemaId: table.metadata.currentSchemaId,
    extra: {},
  };
  const committed = withSnapshot(table.metadata, branch, snapshot, options.properties ?? {});
  const metadata = options.tag === undefined ? committed : withTag(committed, options.tag, snapshotId);
  return writeMetadata({ store, table, metadata, snapshotId, clock: options.clock, random });
}

function withTag(metadata: TableMetadata, name: string, snapshotId: bigint): TableMetadata {
  return { ...metadata, refs: { ...metadata.refs, [name]: { type: 'tag', snapshotId } } };
}
