import type { Clock } from '../stores/ports.ts';
import type { StateMachine } from './definition.ts';

/** What an execution needs from outside, and what it gives back. Nothing here knows AWS. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One call of a task. */
export interface TaskCall {
  /** The state's `Resource`. */
  readonly resource: string;
  readonly stateName: string;
  /** Name of the execution that calls: the execution's own, or a Map child's. */
  readonly executionName: string;
  readonly executionArn: string;
  /** 0 for the first call, then one more for each retry of the state. */
  readonly retryCount: number;
  /** Fires on abort and when the time is up. The failure of a sibling does not fire it: what runs may end. */
  readonly signal: AbortSignal;
  /** Starts the state's `HeartbeatSeconds` anew. */
  readonly heartbeat: () => void;
}

/**
 * Performs a `Resource` with the evaluated `Arguments`. A thrown error's `name` is what `Retry` and `Catch` match,
 * its message is the cause.
 */
export type TaskHandler = (taskArguments: Json, call: TaskCall) => Promise<unknown>;

/** By `Resource`, e.g. `arn:aws:states:::lambda:invoke`: see `lambdaInvoke` for a table of functions. */
export type TaskHandlers = Readonly<Record<string, TaskHandler>>;

export interface ObjectSummary {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** Buckets, for ItemReader (get, list) and ResultWriter (put, which overwrites). */
export interface ObjectAccess {
  getObject(bucket: string, key: string, versionId?: string): AsyncIterable<Uint8Array>;
  listObjects(bucket: string, prefix: string): AsyncIterable<ObjectSummary>;
  putObject(bucket: string, key: string, body: Uint8Array): Promise<void>;
}

/** An event of the history with AWS's type and detail names (GetExecutionHistory). */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  /** `ExecutionStarted`, `TaskStateEntered`, `MapRunFailed`, … */
  readonly type: string;
  /** The details of the event, under AWS's name for them, e.g. `stateEnteredEventDetails`. */
  readonly [details: `${string}Details`]: { readonly [key: string]: Json };
}

export interface HistorySource {
  readonly executionName: string;
  /** Present for a child execution of a Distributed Map. */
  readonly mapRun: string | undefined;
}

export type HistorySink = (event: HistoryEvent, source: HistorySource) => void;

export type ExecutionStatus = 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

export interface ExecutionOptions {
  readonly machine: StateMachine;
  /** Names the execution in the context object, the history and the results' folders; a redrive keeps its first one. */
  readonly name: string;
  readonly input: Json;
  readonly tasks: TaskHandlers;
  /** Needed when a Map has an ItemReader or a ResultWriter. */
  readonly objects?: ObjectAccess;
  readonly clock?: Clock;
  /** Rejects when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** In [0, 1): jitter, `$random()`, `$uuid()`, map run ids. */
  readonly random?: () => number;
  /** Aborts the execution: status ABORTED. Its reason is the cause. */
  readonly signal?: AbortSignal;
  /**
   * Receives every event of the execution and of its Map children. When absent, the execution's own events are
   * collected into the result (at most `historyLimit`), the children's are dropped.
   */
  readonly history?: HistorySink;
  readonly historyLimit?: number;
  /** How long the end waits for handlers that were given up but have not returned; default 30 s. */
  readonly graceMs?: number;
  /** What an earlier, unsuccessful execution of the same machine left (`result.redrive`): only what failed runs again. */
  readonly redriveFrom?: RedriveState;
}

export interface ExecutionResult {
  readonly status: ExecutionStatus;
  /** Present when SUCCEEDED. */
  readonly output: Json | undefined;
  readonly error: string | undefined;
  readonly cause: string | undefined;
  /** The execution's own events, empty when a sink took them. */
  readonly history: readonly HistoryEvent[];
  /** Present when not SUCCEEDED; plain JSON. */
  readonly redrive: RedriveState | undefined;
}

/** Where a sequence of states stands, in plain JSON: what a redrive needs to run only what did not succeed. */
export interface RedriveState {
  readonly formatVersion: 1;
  /** SHA-256 of the definition; redriving another one is refused. */
  readonly definitionDigest: string;
  readonly redriveCount: number;
  /** A redriven execution is the same execution: it keeps its name and its start. */
  readonly name: string;
  readonly startedMs: number;
  readonly input: Json;
  readonly position: Position;
}

export interface Position {
  readonly state: string;
  readonly input: Json;
  readonly variables: { readonly [name: string]: Json };
  /** Parallel branches or Map items; absent for other states. */
  readonly children?: ChildrenPosition;
}

export interface ChildrenPosition {
  /** Half-open ranges of indices that succeeded. */
  readonly succeeded: readonly (readonly [from: number, to: number])[];
  /** Outputs of those, by index; absent when a ResultWriter took them. */
  readonly outputs?: { readonly [index: string]: Json };
  /** Where the others stopped, by index; absent ones start anew. */
  readonly stopped?: { readonly [index: string]: Position };
  /** Of a Distributed Map. */
  readonly mapRun?: { readonly id: string; readonly resultFiles: readonly ResultFile[] };
}

export interface ResultFile {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'PENDING';
  readonly key: string;
  readonly sizeBytes: number;
}
