/**
 * Every failure that someone must decide about has a class of its own. `name` is the contract: the state
 * machine's `ErrorEquals`, the run record and the CLI's exit code all match on it.
 */

/** What a person needs next to the message: what is safe, and what to type. */
export interface ErrorAdvice {
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** What the failure left untouched, for the person who reads it. */
  readonly safe?: string;
  /** The next command to type. */
  readonly next?: string;
}

export class PartwiseError extends Error {
  /** Whether doing the same again can succeed without anyone changing anything. */
  readonly retryable: boolean = false;
  readonly details: Readonly<Record<string, unknown>>;
  readonly safe: string | undefined;
  readonly next: string | undefined;

  constructor(message: string, advice: ErrorAdvice = {}) {
    super(message, advice.cause === undefined ? undefined : { cause: advice.cause });
    this.name = new.target.name;
    this.details = advice.details ?? {};
    this.safe = advice.safe;
    this.next = advice.next;
  }
}

/** The configuration is wrong; the message holds the path in the file and the allowed values. */
export class ConfigError extends PartwiseError {}
/** The command line is wrong. */
export class UsageError extends PartwiseError {}
/** Something the plan stands on has changed since it was made; `details.differences` says what. */
export class PlanStaleError extends PartwiseError {}
/** Another writer changed what this commit read; re-resolve the buckets in `details.buckets`. */
export class CommitConflictError extends PartwiseError {
  override readonly retryable = true;
}
/** The catalog did not say whether the commit landed. No file may be deleted. */
export class CommitStateUnknownError extends PartwiseError {}
/** The catalog could not be written for longer than its time-out; nothing was committed. */
export class CatalogBusyError extends PartwiseError {
  override readonly retryable = true;
}
/** The store or catalog refuses this identity; `details.action` says what was asked for. Never read as "not found". */
export class AccessDeniedError extends PartwiseError {}
/** A bucket or table that the deployment names is not there. Never read as an object or row that is not there. */
export class StoreMissingError extends PartwiseError {}
/** AWS does not know who asks: there are no credentials, or they are wrong or have lapsed. */
export class NotSignedInError extends PartwiseError {}
/** The pipeline is not deployed where it was looked for. */
export class NotDeployedError extends PartwiseError {}
/** The store answered with throttling or its own failure until the retries were used up. */
export class StoreUnavailableError extends PartwiseError {
  override readonly retryable = true;
}
/** A source object cannot be read at all; it goes to quarantine, the rest of the run goes on. */
export class PoisonInputError extends PartwiseError {}
/** A source object is not the version that was claimed any more. */
export class SourceChangedError extends PartwiseError {}
/** More rows or files were refused than the configuration allows; nothing was published. */
export class ErrorBudgetExceededError extends PartwiseError {}
/** Someone else holds the lease, or took it over. */
export class LeaseLostError extends PartwiseError {}
/** Someone else holds the lease now; try again later. */
export class LeaseHeldError extends PartwiseError {
  override readonly retryable = true;
}
/** What was written is not what was meant: the audit refuses to publish. */
export class IntegrityError extends PartwiseError {}
/** A (key, month) is stored twice, or `latest` holds a key twice. */
export class DuplicateStoredKeyError extends PartwiseError {}
/** A file of the pinned snapshot is gone; the run must be planned again, its intake is kept. */
export class PinnedSnapshotExpiredError extends PartwiseError {}
/** Durable state (a checkpoint, a plan, a metadata file) cannot be what it claims to be. */
export class CorruptStateError extends PartwiseError {}
/** A feature of the table format that this version does not handle; never guessed around. */
export class UnsupportedFeatureError extends PartwiseError {}
/** A unit, or one piece of it, does not fit the memory or time it was given. */
export class UnitTooLargeError extends PartwiseError {}
/** Spark did not finish a unit; the message is Spark's own. Nothing of the unit is referenced. */
export class SparkUnitError extends PartwiseError {
  override readonly retryable = true;
}
/** Units are Spark's and there is no Spark here; with one, the run goes on where it stands. */
export class SparkMissingError extends PartwiseError {}
/** A batch is held by a run that has not ended. */
export class UnfinishedBatchError extends PartwiseError {}
/** Points cannot be worked into windows that are published, or doing something else would lose points that were. */
export class RepairRefusedError extends PartwiseError {}
/** The batch does not follow the table's newest one: there is a gap, or somebody else has published it (a fork). */
export class BatchOrderError extends PartwiseError {}
/** The time of a unit's function is up and some of its pieces are done and kept: the next attempt goes on after them. */
export class UnitUnfinishedError extends PartwiseError {
  override readonly retryable = true;
}
/** The run was cancelled; resuming is safe. */
export class RunCancelledError extends PartwiseError {}
/** A message is no event that we know; it is kept in the dead-letter queue. */
export class MalformedEventError extends PartwiseError {}
/** An event is about a bucket that is not the pipeline's. */
export class WrongBucketError extends PartwiseError {}
/** The function's time is nearly up; what is done stands, the next attempt goes on from there. */
export class DeadlineExceededError extends PartwiseError {
  override readonly retryable = true;
}
/** Tables that another system made cannot be gone on with as they are; `details.findings` says why. */
export class AdoptionRefusedError extends PartwiseError {}
export class TableNotFoundError extends PartwiseError {}
export class TableAlreadyExistsError extends PartwiseError {}
export class ObjectNotFoundError extends PartwiseError {}
/** Create-only write met an object that is already there. */
export class ObjectExistsError extends PartwiseError {}
/** The bytes of a pending file are gone before it got its name, and nothing stands there. */
export class PendingWriteLostError extends PartwiseError {}
/** Another job holds or has taken the name of an output file; `details.holder` says which. */
export class DestinationTakenError extends PartwiseError {}
/** The job was committed or aborted before; `details.state` says which. */
export class JobClosedError extends PartwiseError {}
/** The folder that holds everything is no folder, or cannot be made, read or written. */
export class RootUnusableError extends PartwiseError {}
/** The disk, or this user's share of it, is full. */
export class StorageFullError extends PartwiseError {}
/** A location points outside of the root it must stay in. */
export class LocationEscapeError extends PartwiseError {}
