import type { MachineFailure } from './raised-error.ts';
import type { Task } from './workload.ts';

/** What the state machine gives to its tasks, and gets. Ids and locations only. */

/** An object of the results store: the state machine's definition names the bucket. */
export interface ObjectReference {
  readonly key: string;
}

export interface IntakePayload {
  readonly pipeline: string;
  /** For workloads in batches: the logical time by which they are due, ISO 8601; and whether to publish what is open. */
  readonly until?: string;
  readonly flush?: boolean;
  readonly runId?: string;
  readonly branch?: string;
  readonly mode?: 'plan' | 'run';
  /** As `work.fromMonth` of the pipeline, over which it wins. */
  readonly fromMonth?: string;
  /** What the run does instead of taking files in. */
  readonly task?: Task;
  /** The execution that claims: whoever looks at the run finds it by this. */
  readonly execution?: string;
}

export interface ReportPayload {
  readonly action?: 'report';
  readonly outcome: 'succeeded' | 'failed' | 'empty' | 'planned';
  readonly error?: MachineFailure;
}

/** `redriven`: the execution was redriven since the failure was raised. */
export interface RaisePayload {
  readonly action: 'raise';
  readonly error: MachineFailure;
  readonly redriven: boolean;
}

export interface RunPayload {
  readonly runId: string;
  readonly attempt: number;
}

export interface PlanPayload {
  readonly action?: 'plan' | undefined;
  readonly replan?: boolean | undefined;
}

/** The stage's units for Spark are to be grouped into runs of Spark. */
export interface GroupPayload {
  readonly action: 'group';
  readonly stage: string;
}

/** A run of Spark failed: its units without a report are not done. */
export interface SparkFailedPayload {
  readonly action: 'spark-failed';
  readonly stage: string;
  readonly group: string;
  readonly error: MachineFailure;
}
