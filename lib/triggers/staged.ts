import { PinnedSnapshotExpiredError, UnsupportedFeatureError, WrongBucketError } from '../errors.ts';
import {
  ancestors,
  currentSnapshot,
  liveFiles,
  loadTable,
  type Snapshot,
  type Table,
} from '../iceberg/index.ts';
import type { CatalogPointer, Location, ObjectStore, TableIdentifier } from '../stores/ports.ts';
import type { SourceListing } from '../stores/trigger-ports.ts';
import type { ArrivedObject } from './messages.ts';

export interface StagedOptions {
  readonly catalog: CatalogPointer;
  /** Store of the staging bucket: the table's metadata and data files lie in it. */
  readonly staging: ObjectStore;
  readonly stagingBucket: string;
  readonly stagingRoot: Location;
  readonly listing: SourceListing;
  /** `namespace.name` */
  readonly table: string;
}

/** The files that one snapshot appended. */
export interface StagedSnapshot {
  readonly snapshotId: bigint;
  readonly files: readonly ArrivedObject[];
}

/**
 * What was appended to a staging table, snapshot by snapshot, the newest first: whoever finds that it knows all files of
 * one may stop there, if it takes in the oldest first. Rewrites by compaction hold no new rows and are passed over;
 * the files that they replaced are read as they were appended.
 *
 * @throws UnsupportedFeatureError for a snapshot that changes or removes rows, WrongBucketError for files elsewhere
 */
export async function* stagedSnapshots(options: StagedOptions): AsyncIterable<StagedSnapshot> {
  const { catalog, staging } = options;
  const table = await loadTable({ store: staging, catalog, identifier: identifierOf(options.table) });
  const newest = currentSnapshot(table);
  if (newest === undefined) return;
  for (const snapshot of ancestors(table, newest.snapshotId)) {
    const operation = snapshot.summary['operation'];
    if (operation === 'replace') continue;
    if (operation !== 'append') {
      throw new UnsupportedFeatureError(
        `snapshot ${snapshot.snapshotId} of staging table ${options.table} is of kind ${operation ?? 'none'}; only appended rows can be taken in`,
        {
          safe: 'what older snapshots appended stays recorded',
          next: 'append to the staging table, never change it',
        },
      );
    }
    yield { snapshotId: snapshot.snapshotId, files: await appendedFiles(options, table, snapshot) };
  }
}

async function appendedFiles(
  { staging, stagingBucket, stagingRoot, listing }: StagedOptions,
  table: Table,
  snapshot: Snapshot,
): Promise<readonly ArrivedObject[]> {
  const files: ArrivedObject[] = [];
  const { snapshotId } = snapshot;
  for await (const scan of liveFiles({ store: staging, table, snapshotId, statistics: false })) {
    if (scan.snapshotId !== snapshotId) continue;
    const { location } = scan.file;
    if (!location.startsWith(`${stagingRoot}/`)) {
      throw new WrongBucketError(
        `${location} of a staging table is not in the staging bucket ${stagingBucket}`,
        {
          safe: 'nothing of this snapshot was recorded',
          next: 'create the staging table below the staging bucket',
        },
      );
    }
    const key = location.slice(stagingRoot.length + 1);
    files.push({
      bucket: stagingBucket,
      key,
      etag: await etagOf(listing, key),
      sizeBytes: scan.file.sizeBytes,
      // A data file is never written twice, so nothing is ordered by it.
      sequencer: snapshot.sequenceNumber.toString(16).padStart(16, '0'),
    });
  }
  return files;
}

async function etagOf(listing: SourceListing, key: string): Promise<string> {
  for await (const object of listing.list(key)) if (object.key === key) return object.etag;
  throw new PinnedSnapshotExpiredError(`${key} of a staging table is gone`, {
    safe: 'nothing of this snapshot was recorded',
    next: 'keep the snapshots of the staging table until they are taken in',
  });
}

function identifierOf(table: string): TableIdentifier {
  const dot = table.indexOf('.');
  return { namespace: table.slice(0, dot), name: table.slice(dot + 1) };
}
