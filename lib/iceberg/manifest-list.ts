import { CorruptStateError, ObjectNotFoundError, PinnedSnapshotExpiredError } from '../errors.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { compileRead, type Wanted } from './avro-decode.ts';
import { avroFileWriter } from './avro-encode.ts';
import { openAvro } from './avro-file.ts';
import { manifestListSchema } from './manifest-schema.ts';
import type { Snapshot, Table } from './table-metadata.ts';

/** One line of a manifest list, https://iceberg.apache.org/spec/#manifest-lists. */
export interface ManifestFile {
  readonly location: Location;
  readonly sizeBytes: number;
  readonly specId: number;
  readonly content: 'data' | 'deletes';
  readonly sequenceNumber: bigint;
  readonly minSequenceNumber: bigint;
  readonly addedSnapshotId: bigint;
  /** Files and rows by status; undefined when an old writer left them out. */
  readonly addedFiles: number | undefined;
  readonly existingFiles: number | undefined;
  readonly deletedFiles: number | undefined;
  readonly addedRows: number;
  readonly existingRows: number;
  readonly deletedRows: number;
  /** In the order of the spec's fields; undefined when unknown. */
  readonly partitions: readonly PartitionSummary[] | undefined;
  readonly keyMetadata: Uint8Array | undefined;
}

export interface PartitionSummary {
  readonly containsNull: boolean;
  readonly containsNan: boolean | undefined;
  readonly lowerBound: Uint8Array | undefined;
  readonly upperBound: Uint8Array | undefined;
}

/** Whether the manifest can hold a file that is live in its snapshot. */
export function mayHaveLive(manifest: ManifestFile): boolean {
  return (manifest.addedFiles ?? 1) + (manifest.existingFiles ?? 1) > 0;
}

const key = (name: string, fields?: Wanted) => (fields === undefined ? { key: name } : { key: name, fields });
const wanted: Wanted = new Map([
  [500, key('path')],
  [501, key('length')],
  [502, key('spec')],
  [517, key('content')],
  [515, key('sequence')],
  [516, key('minSequence')],
  [503, key('snapshot')],
  [504, key('added')],
  [505, key('existing')],
  [506, key('deleted')],
  [512, key('addedRows')],
  [513, key('existingRows')],
  [514, key('deletedRows')],
  [
    507,
    key(
      'partitions',
      new Map([
        [509, key('null')],
        [518, key('nan')],
        [510, key('lower')],
        [511, key('upper')],
      ]),
    ),
  ],
  [519, key('keyMetadata')],
]);

interface RawManifest {
  readonly path: string;
  readonly length: number;
  readonly spec: number;
  readonly content?: number;
  readonly sequence?: number | bigint;
  readonly minSequence?: number | bigint;
  readonly snapshot: number | bigint;
  readonly added?: number | null;
  readonly existing?: number | null;
  readonly deleted?: number | null;
  readonly addedRows?: number | null;
  readonly existingRows?: number | null;
  readonly deletedRows?: number | null;
  readonly partitions?:
    | readonly {
        readonly null: boolean;
        readonly nan?: boolean | null;
        readonly lower: Uint8Array | null;
        readonly upper: Uint8Array | null;
      }[]
    | null;
  readonly keyMetadata?: Uint8Array | null;
}

/** @throws PinnedSnapshotExpiredError when the list is gone */
export async function readManifestList(
  store: ObjectStore,
  snapshot: Snapshot,
): Promise<readonly ManifestFile[]> {
  const bytes = await readPinned(store, snapshot.manifestList, snapshot.snapshotId);
  const file = openAvro(bytes);
  const read = compileRead(file.schema, wanted);
  const manifests: ManifestFile[] = [];
  for (const block of file.blocks()) {
    const cursor = { bytes: block.bytes, at: 0 };
    for (let index = 0; index < block.count; index += 1)
      manifests.push(manifestOf(read(cursor) as RawManifest));
  }
  return manifests;
}

/** Manifests of the snapshot; none without a snapshot. */
export async function manifestsOf(
  store: ObjectStore,
  table: Table,
  snapshotId: bigint | undefined,
): Promise<readonly ManifestFile[]> {
  if (snapshotId === undefined) return [];
  const snapshot = table.metadata.snapshots.find((candidate) => candidate.snapshotId === snapshotId);
  if (snapshot === undefined) {
    throw new PinnedSnapshotExpiredError(
      `snapshot ${snapshotId} is not in ${table.metadataLocation} any more`,
      { details: { snapshotId: String(snapshotId) } },
    );
  }
  return readManifestList(store, snapshot);
}

export async function readPinned(
  store: ObjectStore,
  location: Location,
  snapshotId: bigint,
): Promise<Uint8Array> {
  try {
    return await store.read(normalizeLocation(location));
  } catch (cause) {
    if (!(cause instanceof ObjectNotFoundError)) throw cause;
    throw new PinnedSnapshotExpiredError(`snapshot ${snapshotId} needs ${location}, which is gone`, {
      cause,
      details: { location, snapshotId: String(snapshotId) },
    });
  }
}

function manifestOf(raw: RawManifest): ManifestFile {
  if (raw.path === undefined || raw.snapshot === undefined)
    throw new CorruptStateError('a manifest list without the fields of format v2');
  return {
    location: raw.path,
    sizeBytes: raw.length,
    specId: raw.spec,
    content: raw.content === 1 ? 'deletes' : 'data',
    sequenceNumber: BigInt(raw.sequence ?? 0),
    minSequenceNumber: BigInt(raw.minSequence ?? 0),
    addedSnapshotId: BigInt(raw.snapshot),
    addedFiles: raw.added ?? undefined,
    existingFiles: raw.existing ?? undefined,
    deletedFiles: raw.deleted ?? undefined,
    addedRows: raw.addedRows ?? 0,
    existingRows: raw.existingRows ?? 0,
    deletedRows: raw.deletedRows ?? 0,
    partitions: raw.partitions?.map((summary) => ({
      containsNull: summary.null,
      containsNan: summary.nan ?? undefined,
      lowerBound: summary.lower ?? undefined,
      upperBound: summary.upper ?? undefined,
    })),
    keyMetadata: raw.keyMetadata ?? undefined,
  };
}

/** The bytes of a manifest list. */
export function formatManifestList(options: {
  readonly manifests: readonly ManifestFile[];
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  readonly sequenceNumber: bigint;
  readonly sync: Uint8Array;
}): Uint8Array {
  const writer = avroFileWriter({
    schema: manifestListSchema,
    sync: options.sync,
    metadata: {
      'format-version': '2',
      'snapshot-id': String(options.snapshotId),
      'parent-snapshot-id':
        options.parentSnapshotId === undefined ? 'null' : String(options.parentSnapshotId),
      'sequence-number': String(options.sequenceNumber),
    },
  });
  for (const manifest of options.manifests) {
    writer.append((out) => {
      out.text(manifest.location);
      out.long(manifest.sizeBytes);
      out.long(manifest.specId);
      out.long(manifest.content === 'deletes' ? 1 : 0);
      out.long(manifest.sequenceNumber);
      out.long(manifest.minSequenceNumber);
      out.long(manifest.addedSnapshotId);
      // A count that is unknown must not read as "nothing in here": one file is the cautious answer.
      out.long(manifest.addedFiles ?? 1);
      out.long(manifest.existingFiles ?? 1);
      out.long(manifest.deletedFiles ?? 1);
      out.long(manifest.addedRows);
      out.long(manifest.existingRows);
      out.long(manifest.deletedRows);
      if (manifest.partitions === undefined) out.long(0);
      else {
        out.long(1);
        if (manifest.partitions.length > 0) out.long(manifest.partitions.length);
        for (const summary of manifest.partitions) {
          out.boolean(summary.containsNull);
          out.long(summary.containsNan === undefined ? 0 : 1);
          if (summary.containsNan !== undefined) out.boolean(summary.containsNan);
          for (const bound of [summary.lowerBound, summary.upperBound]) {
            out.long(bound === undefined ? 0 : 1);
            if (bound !== undefined) out.bytes(bound);
          }
        }
        out.long(0);
      }
      out.long(manifest.keyMetadata === undefined ? 0 : 1);
      if (manifest.keyMetadata !== undefined) out.bytes(manifest.keyMetadata);
    });
  }
  return writer.finish();
}
