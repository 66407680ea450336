import type { IntakeItem } from '../../stores/ports.ts';

/** What a run of a workload in batches works on, decided when it claimed its intake; kept in the run's facts. */
export interface Batch {
  readonly number: number;
  /** Its declared end: files that arrived before it are the batch's. Of a flush before its time, the time of the flush. */
  readonly watermarkMs: number;
  /** Publishes what is still open, too. */
  readonly flush: boolean;
  /** What the workload found of the batch before, bounded. */
  readonly previous: unknown;
  /** Of a replay: the runs whose files the batch takes once more, the newest first. */
  readonly replays?: readonly string[];
  /** Of a repair: the batch is the newest one, which stays it; only what the repair names is worked into it. */
  readonly repair?: RepairRequest;
}

/** Points to work into windows that are published. */
export interface RepairRequest {
  /** The points that were too late for these batches, first and last; undefined: none of them. */
  readonly late?: { readonly from: number; readonly to: number };
  /** Files that wait; the repair takes them and no others. */
  readonly also: readonly Pick<IntakeItem, 'location' | 'version'>[];
}

export interface BatchRequest {
  readonly branch: string;
  /** Batches that end by then are due. */
  readonly untilMs: number;
  readonly flush: boolean;
  /** Arrivals of the files that wait; undefined when none does. */
  readonly oldestArrivalMs: number | undefined;
  readonly newestArrivalMs: number | undefined;
}

export type BatchDecision =
  | { readonly due: true; readonly batch: Batch }
  /** `endMs`: when the next batch will be due; undefined when there is none before the first file. */
  | { readonly due: false; readonly endMs: number | undefined };
