import type { RemovedFile, SortField } from '../../iceberg/index.ts';
import type { Field, PartitionField } from '../../iceberg/types.ts';
import type { Location, TableIdentifier } from '../../stores/ports.ts';

/** A table that a workload writes; created by the first publish that has rows for it. */
export interface TargetTable {
  /** The workload's name for it, e.g. `latest`. */
  readonly role: string;
  readonly identifier: TableIdentifier;
  readonly location: Location;
  readonly fields: readonly Field[];
  readonly partitionFields: readonly PartitionField[];
  readonly sortOrder?: readonly SortField[];
  readonly properties?: Readonly<Record<string, string>>;
}

/** What one unit changes in one table: part of the unit's outcome (`outcome.changes`), plain JSON. */
export interface TableChange {
  readonly role: string;
  /** Data files in the form of `dataFileToJson`. */
  readonly added: readonly unknown[];
  readonly addedDeletes: readonly unknown[];
  readonly removed: readonly RemovedFile[];
  readonly removedDeletes: readonly RemovedFile[];
}

/** The least that a unit's outcome must hold for `publishTables`. */
export interface OutcomeWithChanges {
  readonly changes: readonly TableChange[];
}

/** Snapshot summary keys and table properties of a Partwise commit. */
export const commitKeys = {
  runId: 'partwise.run-id',
  planDigest: 'partwise.plan-digest',
  epoch: 'partwise.epoch',
  summarySnapshotId: 'partwise.summary-snapshot-id',
  prepared: 'partwise.prepared',
  follows: 'partwise.follows',
  switch: 'partwise.switch',
} as const;
