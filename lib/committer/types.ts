import type { Clock, Location, ObjectStore, PendingSource, PendingWrites } from '../stores/ports.ts';

/** Where a job writes, and with what. */
export interface Output {
  /** Holds the job's records, below the destination. */
  readonly store: ObjectStore;
  /** Takes the files' bytes; of the same root as `store`. */
  readonly pending: PendingWrites;
  /** The folder that the files go to. */
  readonly destination: Location;
  readonly clock: Clock;
  /** Files that are completed, dropped or looked up side by side. Default 16. */
  readonly parallel?: number;
}

export interface JobOptions extends Output {
  readonly runId: string;
  readonly attempt: number;
  /** The epoch of the lease that this attempt holds; a lower one than the newest decides nothing. */
  readonly epoch: number;
  readonly newId?: () => string;
}

/**
 * open: nothing is decided. committing: the job pendingset stands, all of the files will have their names.
 * committed: they have them, and the commit record says so. aborted: none of them ever will.
 */
export type JobState = 'open' | 'committing' | 'committed' | 'aborted';

export interface Job {
  /** As it was when the job was opened. */
  readonly state: JobState;
  /** An attempt of one task. Several may run at once, also in other processes; one of them wins. */
  task(name: string, attempt: number): Task;
  /**
   * Makes the files of these tasks visible. The tasks must have committed; what others wrote is dropped. Repeating it
   * finishes what is left, or finds it done.
   * @throws IntegrityError a task has not committed
   * @throws JobClosedError the job was aborted, or committed with other tasks
   * @throws LeaseLostError an attempt with a higher epoch was opened
   */
  commit(options: { readonly tasks: Iterable<string> | AsyncIterable<string> }): Promise<CommittedJob>;
  /**
   * Gives the job up for good and drops what was uploaded.
   * @throws JobClosedError the job pendingset stands: its files belong to readers
   * @throws LeaseLostError
   */
  abort(): Promise<void>;
}

export interface Task {
  /**
   * Uploads a file that will be at `name` below the destination once the job is committed.
   * @throws DestinationTakenError another job or task has the name, or an object stands there
   * @throws JobClosedError
   */
  write(
    name: string,
    source: PendingSource,
    options?: { readonly sizeHintBytes?: number },
  ): Promise<WrittenFile>;
  /** Offers this attempt's files. Repeating it is no error. @throws JobClosedError */
  commit(): Promise<TaskOutcome>;
  /** Drops this attempt's files, unless they were offered. */
  abort(): Promise<void>;
}

export interface WrittenFile {
  readonly destination: Location;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface TaskOutcome {
  /** false: another attempt had committed before, and this one's files were dropped. */
  readonly won: boolean;
  /** Whose files will be published. */
  readonly attempt: number;
  readonly files: number;
  readonly bytes: number;
}

export interface CommittedJob {
  readonly runId: string;
  readonly tasks: number;
  readonly files: number;
  readonly bytes: number;
  /** The commit record. */
  readonly record: Location;
  /** Whether the commit record stood before this call. */
  readonly already: boolean;
  /** false: records of the job are left for the reaper. */
  readonly cleaned: boolean;
}

export interface CommittedFile extends WrittenFile {
  readonly task: string;
}
