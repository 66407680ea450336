/** Signatures first; each body moves to a file of its own. */
import type { WrittenFile } from '../engine/engine.ts';
import type { CatalogPointer, Clock, Location, ObjectStore, PointerSwap } from '../stores/ports.ts';
import type { SnapshotRef, Snapshot, SortField, Table, TableMetadata } from './table-metadata.ts';
import type {
  DataFile, Field, IcebergType, LiveFile, PartitionField, PartitionSpec, PartitionValue, PrimitiveType, ScanFile, Schema, TableIdentifier,
} from './types.ts';

export type * from './table-metadata.ts';
export type * from './types.ts';

export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** Injected randomness: uuids and snapshot ids are made of it. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** The change of one table, durable but not visible until its swap. */
export interface StagedCommit {
  readonly swap: PointerSwap;
  /** The new snapshot; undefined for changes of metadata alone. */
  readonly snapshotId: bigint | undefined;
  readonly metadata: TableMetadata;
  /** The table as it will be after the swap. */
  readonly table: Table;
}

// ---- tables ----
export interface CreateTableOptions {
  readonly store: ObjectStore;
  readonly identifier: TableIdentifier;
  readonly location: Location;
  readonly fields: readonly Field[];
  readonly partitionFields: readonly PartitionField[];
  readonly sortOrder?: readonly SortField[];
  readonly identifierFieldIds?: readonly number[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random?: Random;
}
/** Writes the first metadata file only; commit the result with `commitStaged`, also several at once. */
export const prepareCreateTable: (options: CreateTableOptions) => Promise<StagedCommit> = todo;
/** @throws TableAlreadyExistsError */
export const createTable: (options: CreateTableOptions & { readonly catalog: CatalogPointer }) => Promise<Table> = todo;
/** @throws TableNotFoundError, UnsupportedFeatureError (format v3), CorruptStateError */
export const loadTable: (options: { readonly store: ObjectStore; readonly catalog: CatalogPointer; readonly identifier: TableIdentifier }) => Promise<Table> = todo;
export const loadTableAt: (options: { readonly store: ObjectStore; readonly identifier: TableIdentifier; readonly metadataLocation: Location }) => Promise<Table> = todo;
/** Head of the branch (default `main`); undefined when the branch has no snapshot or does not exist. */
export const currentSnapshot: (table: Table, branch?: string) => Snapshot | undefined = todo;
export const snapshotById: (table: Table, snapshotId: bigint) => Snapshot | undefined = todo;
/** From the given snapshot (default: head of main) back to the oldest that is still in the metadata. */
export const ancestors: (table: Table, snapshotId?: bigint) => readonly Snapshot[] = todo;
export const currentSchema: (table: Table) => Schema = todo;
/** The spec that new files are written with. */
export const currentSpec: (table: Table) => PartitionSpec = todo;

// ---- reading ----
/** Of one partition field in one manifest. Bounds are decoded values; undefined when unknown. */
export interface FieldSummary {
  readonly containsNull: boolean;
  readonly lower: PartitionValue | undefined;
  readonly upper: PartitionValue | undefined;
}
/** Which partitions are meant. Both functions must answer true for a spec that they cannot judge. */
export interface PartitionFilter {
  mayMatch(summaries: readonly FieldSummary[], spec: PartitionSpec): boolean;
  matches(partition: readonly PartitionValue[], spec: PartitionSpec): boolean;
}
/** Cells by month (identity of a column) and bucket; what is left out is not restricted. A spec without these very transforms matches wholly. */
export const cellFilter: (options: {
  readonly schema: Schema;
  readonly month?: { readonly column: string; readonly values?: Iterable<PartitionValue>; readonly from?: PartitionValue; readonly to?: PartitionValue };
  readonly bucket?: { readonly column: string; readonly count: number; readonly values: Iterable<number> };
}) => PartitionFilter = todo;
export interface LiveFilesOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly snapshotId: bigint | undefined;
  readonly partitionFilter?: PartitionFilter;
  /** false leaves column statistics and bounds of data files out (faster, smaller). Default true. */
  readonly statistics?: boolean;
}
/** Data files with the delete files that apply to each; streams. No snapshot, no files. */
export const liveFiles: (options: LiveFilesOptions) => AsyncIterable<ScanFile> = todo;
/** Live delete files alone (also those that point nowhere any more). */
export const liveDeleteFiles: (options: LiveFilesOptions) => AsyncIterable<LiveFile> = todo;
/** @throws UnsupportedFeatureError naming the file: equality deletes, deletion vectors, formats other than Parquet. */
export const assertReadable: (file: ScanFile) => void = todo;

// ---- values ----
export const singleValueToBytes: (type: PrimitiveType, value: PartitionValue | Uint8Array) => Uint8Array = todo;
/** date/time/timestamp as days/micros numbers or bigint, decimal as unscaled bigint, long as bigint, binary as lower-case hex. */
export const singleValueFromBytes: (type: PrimitiveType, bytes: Uint8Array) => PartitionValue = todo;
/** bucket(n) of Iceberg's appendix B; null for null. date as days, decimal as unscaled bigint. */
export const bucketOf: (n: number, type: PrimitiveType, value: PartitionValue | undefined) => number | null = todo;
/** Type of a partition field's values: the transform's result type. */
export const transformResultType: (transform: string, source: IcebergType) => PrimitiveType = todo;
export const dataFileFromWritten: (options: {
  readonly written: WrittenFile;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly partition: readonly PartitionValue[];
  readonly location: Location;
  readonly content?: DataFile['content'];
  /** Only for position deletes that concern one data file. */
  readonly referencedDataFile?: Location;
  readonly sortOrderId?: number;
}) => DataFile = todo;
/** A plain JSON value; bigint and bytes as text. */
export const dataFileToJson: (file: DataFile) => unknown = todo;
/** @throws CorruptStateError */
export const dataFileFromJson: (json: unknown) => DataFile = todo;
/** Columns of a position-delete file with their reserved field ids, for `writeParquet`. */
export const positionDeleteFieldIds = { file_path: 2147483546, pos: 2147483545 } as const;

// ---- committing ----
/** What identifies a file to remove; with its partition only manifests that can hold it are opened. */
export type RemovedFile = Location | Pick<DataFile, 'location' | 'specId' | 'partition'>;
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
  readonly clock: Clock;
  readonly random?: Random;
  /** Entries per new manifest. Default 2,000. */
  readonly manifestEntries?: number;
}
/** Writes manifests, manifest list and metadata, none of them visible. @throws CommitConflictError when a removed file is not live */
export const stageCommit: (options: StageCommitOptions) => Promise<StagedCommit> = todo;
/** The commit point: one swap for all where the catalog can, else one after the other in the given order. @throws CommitConflictError, CommitStateUnknownError */
export const commitStaged: (options: { readonly store?: ObjectStore; readonly catalog: CatalogPointer; readonly staged: readonly StagedCommit[] }) => Promise<readonly Table[]> = todo;

export interface InterveningSnapshot {
  readonly snapshotId: bigint;
  readonly operation: string;
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
/**
 * Passes when nothing but `replace` touched the filter's partitions after the pinned snapshot.
 * @throws CommitConflictError with details.snapshotIds (decimal text), details.buckets, details.files
 * @throws PinnedSnapshotExpiredError when the pinned snapshot is not in the metadata any more
 */
export const validateNoConflicts: (options: {
  readonly store: ObjectStore;
  readonly table: Table;
  /** undefined: the branch had no snapshot. */
  readonly sinceSnapshotId: bigint | undefined;
  readonly branch?: string;
  readonly filter?: PartitionFilter;
}) => Promise<ConflictReport> = todo;
/** Newest ancestor of the branch head whose summary has the value. */
export const findSnapshotByProperty: (options: { readonly table: Table; readonly branch?: string; readonly key: string; readonly value: string }) => Snapshot | undefined = todo;

// ---- metadata changes: each is staged, commit with commitStaged ----
interface MetadataChange {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly clock: Clock;
  readonly random?: Random;
}
/** Creates or moves a branch or tag. `fastForward` refuses a move that is not to a descendant (CommitConflictError). */
export const setRef: (options: MetadataChange & { readonly name: string; readonly ref: SnapshotRef; readonly fastForward?: boolean; readonly properties?: Readonly<Record<string, string>> }) => Promise<StagedCommit> = todo;
export const dropRef: (options: MetadataChange & { readonly name: string }) => Promise<StagedCommit> = todo;
export const setProperties: (options: MetadataChange & { readonly set?: Readonly<Record<string, string>>; readonly remove?: readonly string[] }) => Promise<StagedCommit> = todo;
/** Adds optional columns at the end; ids are given out here (those in the fields are ignored). */
export const addColumns: (options: MetadataChange & { readonly columns: readonly { readonly name: string; readonly type: IcebergType; readonly doc?: string }[] }) => Promise<StagedCommit> = todo;
export interface ExpiredSnapshots {
  readonly staged: StagedCommit | undefined;
  readonly expiredSnapshotIds: readonly bigint[];
  /** Reachable before and not after: data, delete, manifest and manifest-list files. Delete only after the commit. */
  unreachable(): AsyncIterable<Location>;
}
/** Keeps what refs need, the newest `keep` of main and all younger than `olderThanMs`. Deletes nothing. */
export const expireSnapshots: (options: MetadataChange & { readonly keep: number; readonly olderThanMs: number }) => Promise<ExpiredSnapshots> = todo;
/** Objects below the table's location that no snapshot or metadata file reaches, older than the grace period. */
export const orphanFiles: (options: { readonly store: ObjectStore; readonly table: Table; readonly clock: Clock; readonly graceMs: number }) => AsyncIterable<Location> = todo;

function todo(): never {
  throw new Error('not here yet');
}
