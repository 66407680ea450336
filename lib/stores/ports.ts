/** The ports: what the backbone and the workloads know of the world. Adapters stand beside this file. */

/** An absolute URI of an object: `file:///…` or `s3://bucket/key`. Never a bare path. */
export type Location = string;

export interface ObjectInfo {
  readonly location: Location;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Immutable-object storage below one root. Every method refuses a location outside it (LocationEscapeError). */
export interface ObjectStore {
  readonly root: Location;
  /** @throws ObjectNotFoundError */
  read(location: Location): Promise<Uint8Array>;
  /** Bytes [offset, offset+length). @throws ObjectNotFoundError */
  readRange(location: Location, offset: number, length: number): Promise<Uint8Array>;
  /** Lines of a text object, streamed. @throws ObjectNotFoundError */
  readLines(location: Location): AsyncIterable<string>;
  /** Whole-object write, all or nothing, durable when it returns. Create-only unless `overwrite`. @throws ObjectExistsError */
  write(
    location: Location,
    bytes: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;
  /** Moves a local file into the store (create-only). The local file is gone afterwards. @throws ObjectExistsError */
  adopt(localPath: string, location: Location): Promise<ObjectInfo>;
  head(location: Location): Promise<ObjectInfo | undefined>;
  /** Every object whose location starts with `prefix`, in no order, streamed. */
  list(prefix: Location): AsyncIterable<ObjectInfo>;
  /** Deleting what is not there is no error. */
  delete(location: Location): Promise<void>;
  /**
   * A path that an engine on this machine can read: the file itself, or a fetched copy in the work folder. A store that
   * keeps versions reads the given one (an intake item's `version`); others leave the check to the caller.
   * @throws ObjectNotFoundError, SourceChangedError when the object is not (or no longer) the one that was asked for
   */
  localPath(location: Location, version?: string): Promise<string>;
  /**
   * `localPath` for who needs a part of the object only. What `choose` reads and the ranges that it returns are in the file
   * at the path, at their places; a fetched copy has zeros everywhere else. The last `tailBytes` bytes are among them in any
   * case: with some, a store that is far away asks for nothing before them.
   * @throws ObjectNotFoundError, SourceChangedError when the object changes meanwhile
   */
  localPart(location: Location, choose: ChooseRanges, tailBytes?: number): Promise<string>;
}

/** Bytes [from, to) of an object. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export type ChooseRanges = (object: {
  readonly sizeBytes: number;
  read(range: ByteRange): Promise<Uint8Array>;
}) => Promise<readonly ByteRange[]>;

export interface WriteOptions {
  readonly overwrite?: boolean;
}

/** A part of a pending file as the store took it. */
export interface PendingPart {
  readonly number: number;
  readonly etag: string;
  /** CRC-32 of the part, base64. */
  readonly crc32: string;
}

/** Bytes that are durable below no name yet: with this, and only with this, they can be given their name. */
export interface PendingFile {
  readonly destination: Location;
  /** The store's name of the bytes: a multipart upload's id, or a file beside the visible ones. */
  readonly handle: string;
  /** Tells this file from every other that may get the same name. */
  readonly writeId: string;
  readonly sizeBytes: number;
  /** Of the whole content, hexadecimal. */
  readonly sha256: string;
  /** Empty where the store has no parts. */
  readonly parts: readonly PendingPart[];
}

/** Bytes that somebody began to write, whether or not they are all there. */
export interface BegunWrite {
  readonly destination: Location;
  readonly handle: string;
  readonly begunMs: number;
}

/** What to write: a file on this machine, or its bytes as they come. */
export type PendingSource = { readonly path: string } | AsyncIterable<Uint8Array>;

/** Writes whose bytes go up at one time and become visible, whole, at another. */
export interface PendingWrites {
  /** All bytes, durable and invisible. What cannot be finished is taken back as far as the store answers. */
  write(
    destination: Location,
    source: PendingSource,
    options?: { readonly sizeHintBytes?: number },
  ): Promise<PendingFile>;
  /**
   * Gives the bytes their name, create-only. Repeating it is no error: a file that has its name already is recognised.
   * @throws ObjectExistsError when another file has the name
   * @throws PendingWriteLostError when neither the bytes nor the file are there
   */
  complete(file: PendingFile): Promise<ObjectInfo>;
  /** Drops the bytes; no error when they are gone or have their name. */
  abort(write: Pick<BegunWrite, 'destination' | 'handle'>): Promise<void>;
  /** Every write below the prefix that was begun and neither completed nor aborted, streamed. */
  list(prefix: Location): AsyncIterable<BegunWrite>;
}

export interface TableIdentifier {
  readonly namespace: string;
  readonly name: string;
}

/** One pointer swap: from the metadata file that was read to the one that was prepared. */
export interface PointerSwap {
  readonly identifier: TableIdentifier;
  /** undefined creates the table. */
  readonly expected: Location | undefined;
  readonly next: Location;
}

/** Iceberg catalog, reduced to the pointer: which metadata file is current. */
export interface CatalogPointer {
  readonly name: string;
  /** Whether one call to `swap` may hold more than one table. */
  readonly multiTable: boolean;
  current(identifier: TableIdentifier): Promise<Location | undefined>;
  list(namespace?: string): Promise<readonly TableIdentifier[]>;
  /**
   * The commit point: all of the swaps or none. A catalog may keep the change in a metadata file of its own instead of
   * `next`, with the same snapshots, refs and schema: load the table before staging on it again.
   * @throws CommitConflictError when a pointer is not the expected one (details.identifier, details.current)
   * @throws CommitStateUnknownError when the outcome cannot be known
   */
  swap(swaps: readonly PointerSwap[]): Promise<void>;
  drop(identifier: TableIdentifier): Promise<void>;
}

export type IntakeStatus = 'pending' | 'claimed' | 'done' | 'quarantined' | 'superseded';

/** The record that an object version arrived. Identity: location and version. */
export interface IntakeItem {
  readonly pipeline: string;
  /** Which feed of the pipeline: `records`, or another one that the workload names. */
  readonly feed: string;
  readonly location: Location;
  /** Version id, ETag or content hash. */
  readonly version: string;
  readonly sizeBytes: number;
  /** Orders versions of one location only; compared as right-padded hex. */
  readonly sequencer: string;
  readonly arrivedMs: number;
  readonly status: IntakeStatus;
  readonly runId: string | undefined;
  readonly reason: string | undefined;
}

export interface IntakeStore {
  /** Records the arrival; false when this version is known already. Supersedes older pending versions of the same location. */
  record(item: Omit<IntakeItem, 'status' | 'runId' | 'reason'>): Promise<boolean>;
  /** Every version known of one location. */
  versions(pipeline: string, location: Location): Promise<readonly IntakeItem[]>;
  list(
    pipeline: string,
    filter?: { readonly status?: IntakeStatus; readonly runId?: string },
  ): AsyncIterable<IntakeItem>;
  /** Claims pending items (at most `limit`, oldest first, those that arrived before the given time) for the run; idempotent per run. Returns how many this run holds. */
  claim(pipeline: string, runId: string, limit: number, arrivedBeforeMs?: number): Promise<number>;
  /**
   * Sets what became of items that this run holds; others are left alone. `pending` takes the item from the run, also
   * one that was done or quarantined: a file that went to a branch is taken to main so.
   */
  settle(runId: string, outcomes: readonly IntakeOutcome[]): Promise<void>;
  /** Gives a cancelled run's claims back. */
  release(runId: string): Promise<number>;
}

export interface IntakeOutcome {
  readonly location: Location;
  readonly version: string;
  readonly status: 'done' | 'quarantined' | 'superseded' | 'pending';
  readonly reason?: string;
}

export type RunStatus =
  | 'claimed'
  | 'prepared'
  | 'planned'
  | 'working'
  | 'auditing'
  | 'publishing'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'empty';

export interface RunRecord {
  readonly runId: string;
  readonly pipeline: string;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly epoch: number;
  readonly branch: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly endedMs: number | undefined;
  readonly error: { readonly name: string; readonly message: string; readonly next?: string } | undefined;
  /** Small facts for people: rows in, rows changed per case, snapshots. Under 10 KB. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface RunStore {
  create(record: RunRecord): Promise<boolean>;
  get(runId: string): Promise<RunRecord | undefined>;
  /** Newest first. */
  list(pipeline?: string, limit?: number): Promise<readonly RunRecord[]>;
  update(runId: string, change: Partial<Omit<RunRecord, 'runId' | 'pipeline'>>): Promise<RunRecord>;
}

/** The state item of a unit's durable outcome; the outcome itself is an object. Under 1 KB. */
export interface CheckpointRecord {
  readonly runId: string;
  readonly stage: string;
  readonly unit: string;
  readonly attempt: number;
  readonly location: Location;
  readonly digest: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly rows: number;
  readonly bytes: number;
}

/** What happened to a unit that has no checkpoint: for people, not for resuming. */
export interface UnitFailure {
  readonly runId: string;
  readonly stage: string;
  readonly unit: string;
  readonly attempt: number;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  readonly error: string | undefined;
}

export interface CheckpointStore {
  /** The first write wins. Returns the record that stands: the given one, or an earlier attempt's. */
  put(record: CheckpointRecord): Promise<CheckpointRecord>;
  get(runId: string, stage: string, unit: string): Promise<CheckpointRecord | undefined>;
  list(runId: string, stage?: string): AsyncIterable<CheckpointRecord>;
  count(runId: string, stage?: string): Promise<number>;
  remove(runId: string, stage: string, unit: string): Promise<void>;
  /** Notes that an attempt of a unit started or failed. */
  note(failure: UnitFailure): Promise<void>;
  notes(runId: string): AsyncIterable<UnitFailure>;
}

export interface Lease {
  readonly name: string;
  readonly holder: string;
  /** Grows with every acquisition; publish refuses a lower one. */
  readonly epoch: number;
  readonly expiresMs: number;
}

export interface LeaseStore {
  /** @throws LeaseHeldError */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease>;
  /** @throws LeaseLostError */
  renew(lease: Lease, ttlMs: number): Promise<Lease>;
  release(lease: Lease): Promise<void>;
  current(name: string): Promise<Lease | undefined>;
}

export interface StateStore {
  readonly intake: IntakeStore;
  readonly runs: RunStore;
  readonly checkpoints: CheckpointStore;
  readonly leases: LeaseStore;
  close(): Promise<void>;
}

export interface Clock {
  now(): number;
}
