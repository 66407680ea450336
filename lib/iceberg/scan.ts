import { UnsupportedFeatureError } from '../errors.ts';
import type { ObjectStore } from '../stores/ports.ts';
import { deleteIndex } from './delete-index.ts';
import { type ManifestFile, manifestsOf, mayHaveLive, readPinned } from './manifest-list.ts';
import { decodeManifest, type ManifestEntry } from './manifest-read.ts';
import { manifestMayMatch, type PartitionFilter } from './partition-filter.ts';
import { specById } from './table.ts';
import type { Table } from './table-metadata.ts';
import type { LiveFile, ScanFile } from './types.ts';

export interface LiveFilesOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly snapshotId: bigint | undefined;
  readonly partitionFilter?: PartitionFilter;
  /** false leaves column statistics and bounds of data files out (faster, smaller). Default true. */
  readonly statistics?: boolean;
}

/**
 * Data files of a snapshot with the delete files that apply to each, https://iceberg.apache.org/spec/#scan-planning.
 * Streams: memory holds the delete files of the filter's partitions and one or two manifests. No snapshot, no files.
 * @throws PinnedSnapshotExpiredError, UnsupportedFeatureError
 */
export async function* liveFiles(options: LiveFilesOptions): AsyncGenerator<ScanFile> {
  const { store, table, snapshotId, partitionFilter } = options;
  const manifests = await manifestsOf(store, table, snapshotId);
  const deletes = deleteIndex(table.metadata.specs);
  const wanted = (content: ManifestFile['content']) =>
    manifests.filter(
      (manifest) =>
        manifest.content === content &&
        mayHaveLive(manifest) &&
        manifestMayMatch(table, manifest, partitionFilter),
    );
  for await (const entry of entriesOf({ store, table, manifests: wanted('deletes'), statistics: true })) {
    if (entry.status !== 'deleted') deletes.add(live(entry));
  }
  for await (const entry of entriesOf({
    store,
    table,
    manifests: wanted('data'),
    statistics: options.statistics ?? true,
  })) {
    if (entry.status === 'deleted') continue;
    if (
      partitionFilter !== undefined &&
      !partitionFilter.matches(entry.file.partition, specById(table, entry.file.specId))
    )
      continue;
    const { file, snapshotId: addedBy, sequenceNumber, fileSequenceNumber } = entry;
    yield { file, snapshotId: addedBy, sequenceNumber, fileSequenceNumber, deletes: deletes.for(entry) };
  }
}

/** Live delete files alone, those that point nowhere any more included. */
export async function* liveDeleteFiles(options: LiveFilesOptions): AsyncGenerator<LiveFile> {
  const { store, table, partitionFilter } = options;
  const manifests = (await manifestsOf(store, table, options.snapshotId)).filter(
    (manifest) =>
      manifest.content === 'deletes' &&
      mayHaveLive(manifest) &&
      manifestMayMatch(table, manifest, partitionFilter),
  );
  for await (const entry of entriesOf({ store, table, manifests, statistics: options.statistics ?? true })) {
    if (entry.status === 'deleted') continue;
    if (
      partitionFilter === undefined ||
      partitionFilter.matches(entry.file.partition, specById(table, entry.file.specId))
    )
      yield live(entry);
  }
}

/** Entries of several manifests in order; the next manifest is fetched while one is decoded. */
export async function* entriesOf(options: {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly manifests: readonly ManifestFile[];
  readonly statistics: boolean;
}): AsyncGenerator<ManifestEntry & { readonly manifest: ManifestFile }> {
  const { store, table, manifests, statistics } = options;
  const fetchAt = (index: number): Promise<Uint8Array> | undefined => {
    const manifest = manifests[index];
    if (manifest === undefined) return undefined;
    const bytes = readPinned(store, manifest.location, manifest.addedSnapshotId);
    // Whoever stops early never awaits it; the failure is seen when its turn comes.
    bytes.catch(() => undefined);
    return bytes;
  };
  let next = fetchAt(0);
  for (const [index, manifest] of manifests.entries()) {
    const bytes = await next;
    next = fetchAt(index + 1);
    if (bytes === undefined) continue;
    for (const entry of decodeManifest(bytes, { table, manifest, statistics })) {
      (entry as { manifest?: ManifestFile }).manifest = manifest;
      yield entry as ManifestEntry & { readonly manifest: ManifestFile };
    }
  }
}

function live({ file, snapshotId, sequenceNumber, fileSequenceNumber }: LiveFile): LiveFile {
  return { file, snapshotId, sequenceNumber, fileSequenceNumber };
}

/** @throws UnsupportedFeatureError naming the file: equality deletes, and files that are not Parquet (deletion vectors are Puffin) */
export function assertReadable(scan: ScanFile): void {
  for (const { file } of [scan, ...scan.deletes]) {
    if (file.content === 'equality-deletes') {
      throw new UnsupportedFeatureError(
        `${file.location} holds equality deletes, which are not supported yet`,
        {
          details: { file: file.location, dataFile: scan.file.location },
          safe: 'nothing was changed',
          next: "compact the table with its own engine first (Spark: CALL system.rewrite_data_files(table => ..., options => map('delete-file-threshold', '1')))",
        },
      );
    }
    if (file.format !== 'parquet') {
      throw new UnsupportedFeatureError(
        `${file.location} is a ${file.format} file; only Parquet is supported`,
        { details: { file: file.location, format: file.format } },
      );
    }
  }
}
