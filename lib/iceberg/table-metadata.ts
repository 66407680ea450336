import type { Location } from '../stores/ports.ts';
import type { PartitionSpec, Schema, TableIdentifier } from './types.ts';

/** The content of a table's metadata.json, https://iceberg.apache.org/spec/#table-metadata-fields. */
export interface TableMetadata {
  readonly formatVersion: 1 | 2;
  readonly tableUuid: string;
  readonly location: Location;
  readonly lastSequenceNumber: bigint;
  readonly lastUpdatedMs: number;
  readonly lastColumnId: number;
  readonly schemas: readonly Schema[];
  readonly currentSchemaId: number;
  readonly specs: readonly PartitionSpec[];
  readonly defaultSpecId: number;
  readonly lastPartitionId: number;
  readonly sortOrders: readonly SortOrder[];
  readonly defaultSortOrderId: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly snapshots: readonly Snapshot[];
  readonly snapshotLog: readonly { readonly snapshotId: bigint; readonly timestampMs: number }[];
  readonly metadataLog: readonly { readonly location: Location; readonly timestampMs: number }[];
  /** Branches and tags; the current snapshot is branch `main`. */
  readonly refs: Readonly<Record<string, SnapshotRef>>;
  /** Keys that this layer does not read (statistics files and the like), written back as they came. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface Snapshot {
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  readonly sequenceNumber: bigint;
  readonly timestampMs: number;
  readonly manifestList: Location;
  /** Holds `operation` and the totals; all values are text. */
  readonly summary: Readonly<Record<string, string>>;
  readonly schemaId: number | undefined;
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface SnapshotRef {
  readonly type: 'branch' | 'tag';
  readonly snapshotId: bigint;
  readonly minSnapshotsToKeep?: number;
  readonly maxSnapshotAgeMs?: number;
  readonly maxRefAgeMs?: number;
}

export interface SortOrder {
  readonly orderId: number;
  readonly fields: readonly SortField[];
}

export interface SortField {
  readonly sourceId: number;
  readonly transform: string;
  readonly direction: 'asc' | 'desc';
  readonly nullOrder: 'nulls-first' | 'nulls-last';
}

/** A table as one metadata file describes it. */
export interface Table {
  readonly identifier: TableIdentifier;
  readonly metadataLocation: Location;
  readonly metadata: TableMetadata;
}
