import { CommitConflictError, CorruptStateError, PinnedSnapshotExpiredError } from '../errors.ts';
import { joinLocation } from '../stores/location.ts';
import { validateNoConflicts } from './conflicts.ts';
import { formatManifestList, type ManifestFile, manifestsOf } from './manifest-list.ts';
import { type MetadataChange, withSnapshot, writeMetadata } from './metadata-change.ts';
import { withDefaultSpec } from './partitioning.ts';
import { systemRandom, uuid } from './random.ts';
import type { StagedCommit } from './staged.ts';
import { currentSnapshot, currentSpec, snapshotById } from './table.ts';
import type { Snapshot, Table, TableMetadata } from './table-metadata.ts';
import type { Schema } from './types.ts';

export interface RebaseOptions extends MetadataChange {
  /** The table as the metadata file describes it that was prepared and never became current. */
  readonly prepared: Table;
  /** The snapshot that it would have brought. */
  readonly snapshotId: bigint;
  readonly branch: string;
  readonly properties?: Readonly<Record<string, string>>;
}

/**
 * Puts a prepared snapshot on top of what was committed since it was prepared. All of that must have kept the rows
 * (`replace`), so the prepared files are still the whole truth: the snapshot keeps its id and its manifests and gets a new
 * parent and sequence number; what a compaction wrote in between is no longer live.
 * @throws CommitConflictError when rows, columns or the partitioning were changed in between
 * @throws PinnedSnapshotExpiredError when the snapshot that it was prepared on is gone, and with it perhaps its files
 */
export async function rebaseSnapshot(options: RebaseOptions): Promise<StagedCommit> {
  const { store, table, prepared, snapshotId, branch } = options;
  const snapshot = snapshotById(prepared, snapshotId);
  if (snapshot === undefined || prepared.metadata.tableUuid !== table.metadata.tableUuid)
    throw new CorruptStateError(`${prepared.metadataLocation} does not hold snapshot ${snapshotId}`, {
      details: { location: prepared.metadataLocation },
    });
  const parent = await newParent(options, snapshot.parentSnapshotId);
  const random = options.random ?? systemRandom;
  const sequenceNumber = table.metadata.lastSequenceNumber + 1n;
  const manifests = await manifestsOf(store, prepared, snapshotId);
  const manifestList = joinLocation(
    table.metadata.location,
    'metadata',
    `snap-${snapshotId}-2-${uuid(random)}.avro`,
  );
  await store.write(
    manifestList,
    formatManifestList({
      manifests: manifests.map((one) => renumbered(one, snapshotId, sequenceNumber)),
      snapshotId,
      parentSnapshotId: parent?.snapshotId,
      sequenceNumber,
      sync: random.bytes(16),
    }),
  );
  const moved = {
    ...snapshot,
    parentSnapshotId: parent?.snapshotId,
    sequenceNumber,
    timestampMs: Math.max(options.clock.now(), table.metadata.lastUpdatedMs),
    manifestList,
  };
  const grown = { ...carriedSpec(table, prepared).metadata, ...carriedSchema(table, prepared) };
  const metadata = withSnapshot(grown, branch, moved, options.properties ?? {});
  return writeMetadata({ ...options, metadata, snapshotId });
}

/** Head of the branch, when nothing but `replace` came since; a branch that is not there yet begins where it was to begin. */
async function newParent(
  { store, table, branch }: RebaseOptions,
  preparedOn: bigint | undefined,
): Promise<Snapshot | undefined> {
  if (table.metadata.refs[branch] !== undefined) {
    await validateNoConflicts({ store, table, sinceSnapshotId: preparedOn, branch });
    return currentSnapshot(table, branch);
  }
  if (preparedOn === undefined) return undefined;
  const parent = snapshotById(table, preparedOn);
  if (parent === undefined)
    throw new PinnedSnapshotExpiredError(`snapshot ${preparedOn} has been expired`, {
      details: { snapshotId: String(preparedOn) },
    });
  return parent;
}

/** Columns that were prepared with the snapshot, when nobody has changed the columns since. */
function carriedSchema(table: Table, prepared: Table): Partial<TableMetadata> {
  const { schemas, currentSchemaId, lastColumnId } = prepared.metadata;
  if (holdsAll(table.metadata.schemas, schemas)) return {};
  if (holdsAll(schemas, table.metadata.schemas)) return { schemas, currentSchemaId, lastColumnId };
  const { namespace, name } = table.identifier;
  throw new CommitConflictError(`the columns of ${namespace}.${name} were changed by another writer`, {
    details: { prepared: prepared.metadataLocation },
    safe: 'the table is as the other writer left it',
  });
}

/** The partition spec that was prepared with the snapshot, when nobody has changed the partitioning since. */
function carriedSpec(table: Table, prepared: Table): Table {
  const spec = currentSpec(prepared);
  return spec.specId === table.metadata.defaultSpecId ? table : withDefaultSpec(table, spec);
}

function holdsAll(schemas: readonly Schema[], wanted: readonly Schema[]): boolean {
  const known = new Set(schemas.map((schema) => JSON.stringify(schema)));
  return wanted.every((schema) => known.has(JSON.stringify(schema)));
}

/** Entries that the snapshot added inherit its sequence number from here; carried ones state theirs. */
function renumbered(manifest: ManifestFile, snapshotId: bigint, sequenceNumber: bigint): ManifestFile {
  if (manifest.addedSnapshotId !== snapshotId) return manifest;
  const { minSequenceNumber } = manifest;
  return {
    ...manifest,
    sequenceNumber,
    minSequenceNumber: minSequenceNumber === manifest.sequenceNumber ? sequenceNumber : minSequenceNumber,
  };
}
