import { joinLocation } from '../stores/location.ts';
import type { Clock, ObjectStore } from '../stores/ports.ts';
import { formatMetadata } from './metadata-json.ts';
import { type Random, systemRandom, uuid } from './random.ts';
import type { StagedCommit } from './staged.ts';
import type { Snapshot, SnapshotRef, Table, TableMetadata } from './table-metadata.ts';

/** What every staged change of a table's metadata needs. */
export interface MetadataChange {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly clock: Clock;
  readonly random?: Random;
}

/** The metadata with a new snapshot as the head of a branch. */
export function withSnapshot(
  metadata: TableMetadata,
  branch: string,
  snapshot: Snapshot,
  properties: Readonly<Record<string, string>>,
): TableMetadata {
  const ref: SnapshotRef = {
    ...(metadata.refs[branch] ?? { type: 'branch' }),
    snapshotId: snapshot.snapshotId,
  };
  return {
    ...metadata,
    lastSequenceNumber: snapshot.sequenceNumber,
    snapshots: [...metadata.snapshots, snapshot],
    refs: { ...metadata.refs, [branch]: ref },
    properties: { ...metadata.properties, ...properties },
  };
}

/** Writes the next metadata file of the table: durable, not yet current. */
export async function writeMetadata(
  options: MetadataChange & { readonly metadata: TableMetadata; readonly snapshotId?: bigint },
): Promise<StagedCommit> {
  const { store, table, clock } = options;
  const random = options.random ?? systemRandom;
  const base = table.metadata;
  const now = Math.max(clock.now(), base.lastUpdatedMs);
  const head = options.metadata.refs['main']?.snapshotId;
  const moved = head !== undefined && head !== base.refs['main']?.snapshotId;
  const known = new Set(options.metadata.snapshots.map((snapshot) => snapshot.snapshotId));
  const keep = Number(options.metadata.properties['write.metadata.previous-versions-max'] ?? 100) || 100;
  const metadata: TableMetadata = {
    ...options.metadata,
    lastUpdatedMs: now,
    // The log may name only snapshots that are still there; what lies before a gap goes too.
    snapshotLog: [
      ...sinceGap(options.metadata.snapshotLog, known),
      ...(moved ? [{ snapshotId: head, timestampMs: now }] : []),
    ],
    metadataLog: [
      ...base.metadataLog,
      { location: table.metadataLocation, timestampMs: base.lastUpdatedMs },
    ].slice(-Math.max(1, keep)),
  };
  const version = String(versionOf(table.metadataLocation) + 1).padStart(5, '0');
  const metadataLocation = joinLocation(
    metadata.location,
    'metadata',
    `${version}-${uuid(random)}.metadata.json`,
  );
  await store.write(metadataLocation, new TextEncoder().encode(formatMetadata(metadata)));
  return {
    swap: { identifier: table.identifier, expected: table.metadataLocation, next: metadataLocation },
    snapshotId: options.snapshotId,
    metadata,
    table: { identifier: table.identifier, metadataLocation, metadata },
  };
}

function sinceGap(
  log: TableMetadata['snapshotLog'],
  known: ReadonlySet<bigint>,
): TableMetadata['snapshotLog'] {
  const gap = log.findLastIndex((entry) => !known.has(entry.snapshotId));
  return log.slice(gap + 1);
}

/** The number in front of a metadata file's name; 0 for foreign names. */
function versionOf(location: string): number {
  const found = /\/v?(\d+)[-.][^/]*metadata\.json$/.exec(location);
  return found === null ? 0 : Number(found[1]);
}
