import type { SummaryConfig } from '../config/schema.ts';
import type { PartitionSpec } from '../iceberg/types.ts';
import type { TableChange } from '../run/publish/table-change.ts';
import type { RunContext } from '../run/workload.ts';
import type { Location } from '../stores/ports.ts';
import type { RebuildSpec } from './rebuild/unit.ts';
import type { RepairSpec } from './repair/unit.ts';
import type { CompareSpec, RewriteSpec } from './rewrite/types.ts';
import type { Role } from './tables/tables.ts';

/** Specifications of the units and what they leave behind. Plain JSON; months are numbers, year * 12 + month. */

/** The context of a run of this workload. */
export type SummaryContext = RunContext<SummaryConfig>;

export type Strategy = 'unified' | 'partitionwise';
export type RewriteMode = 'copy-on-write' | 'merge-on-read';

/** A live position-delete file that applies to a planned data file. */
export interface DeleteFileSpec {
  readonly location: Location;
  readonly specId: number;
  readonly partition: readonly (string | number | boolean | null)[];
  readonly rows: number;
}

/** A live data file as the manifests describe it. */
export interface FileSpec {
  readonly location: Location;
  readonly specId: number;
  readonly partition: readonly (string | number | boolean | null)[];
  /** Month number of the file's cell; 0 in tables without months. */
  readonly month: number;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly deletes: readonly DeleteFileSpec[];
}

/** Data files of one cell that are rewritten together. Copy-on-write may take in the cell's small files. */
export interface ApplyGroup {
  readonly bucket: number;
  readonly month: number;
  /** As planned; a merge-on-read group whose real dead fraction passes the limit is copied all the same. */
  readonly mode: RewriteMode;
  readonly reason: string;
  readonly files: readonly FileSpec[];
  /** Rows that the plan expects to change. */
  readonly expectedRows: number;
}

/** Everything that one bucket's records need: one unit of the stage `resolve`. */
export interface ResolveSpec {
  readonly stage: 'resolve';
  /** Absent for DuckDB. Units for Spark are `partitionwise`. */
  readonly engine?: 'spark';
  readonly strategy: Strategy;
  readonly bucket: number;
  readonly buckets: number;
  /** Digest of the columns of the three tables with the field ids that files are written with. */
  readonly columns: string;
  /** Prepared rows: Parquet files that hold rows of the bucket. */
  readonly sources: readonly Location[];
  /** Prepared rows of the deletions feed that hold rows of the bucket. */
  readonly feed: readonly Location[];
  /** Records, deletes and feed records of the bucket per month: [month, rows, deletes]. */
  readonly months: readonly (readonly [month: number, rows: number, deletes: number])[];
  /** Every live summary file of the bucket, ascending by month. */
  readonly summary: readonly FileSpec[];
  readonly latest: readonly FileSpec[];
  readonly tombstones: readonly FileSpec[];
  /** Only for `unified`: what the unit rewrites itself. */
  readonly groups: readonly ApplyGroup[];
}

/** One unit of the stage `apply`. */
export interface ApplySpec {
  readonly stage: 'apply';
  /** Absent for DuckDB. Groups of a unit for Spark have a cell of their own each. */
  readonly engine?: 'spark';
  /** Units of `resolve` whose change sets this unit joins, by bucket. */
  readonly resolve: readonly { readonly bucket: number; readonly unit: string }[];
  readonly groups: readonly ApplyGroup[];
}

/** The stage of a large run's audit. */
export const checkStage = 'check';

/** One unit of the stage `check`. */
export interface CheckSpec {
  readonly stage: typeof checkStage;
  readonly buckets: readonly CheckBucket[];
}

/** Everything that the audit of a bucket looks at. */
export interface CheckBucket {
  readonly bucket: number;
  /** Whose checkpoints say what changes. */
  readonly units: { readonly resolve: readonly string[]; readonly apply: readonly string[] };
  readonly sources: readonly Location[];
  readonly feed: readonly Location[];
  readonly sampledKeys: number;
  /** Live files of the bucket in the pinned snapshots. */
  readonly before: Readonly<Record<Role, readonly FileSpec[]>>;
}

export type UnitSpec =
  | ResolveSpec
  | ApplySpec
  | CheckSpec
  | RepairSpec
  | RebuildSpec
  | RewriteSpec
  | CompareSpec;

/**
 * What became of the prepared rows. Each row is counted once, in the first nine, `feed` or `feedWaiting`; `revived`
 * months are also counted in `caseIIIUpdate` or `feed`, and `feedOverrides` wherever the month's change is.
 */
export interface CaseCounts {
  /** First month of a key without a stored row. */
  readonly caseI: number;
  /** Newer than the key's newest stored row. */
  readonly caseII: number;
  /** At or before it, month not stored. */
  readonly caseIIIInsert: number;
  /** At or before it, month stored. */
  readonly caseIIIUpdate: number;
  /** Further months of a key without a stored row. */
  readonly caseIV: number;
  /** Newest delete of a month that is stored after the run. */
  readonly delete: number;
  /** Newest delete of a month that is not. */
  readonly tombstone: number;
  /** Older than another record of its kind, stored or in the batch. */
  readonly stale: number;
  /** Equal order tuple. */
  readonly duplicate: number;
  /** Deleted months that are alive again. */
  readonly revived: number;
  /** Newest record of the deletions feed of a month that is stored after the run. */
  readonly feed: number;
  /** Newest record of the deletions feed of a month that is not. */
  readonly feedWaiting: number;
  /** Months that the run looked at and that show the feed's date and delete code after it. */
  readonly feedOverrides: number;
}

/** A data file that the unit added. */
export interface AddedFile {
  readonly location: Location;
  readonly month: number;
  readonly bucket: number;
  readonly rows: number;
}

export interface Elapsed {
  readonly [phase: string]: number;
}

/** Whether later rows hold the month's value, and whether stored rows of the month itself change. */
export type ChangedMonthEntry = readonly [month: number, sets: boolean, owns: boolean];

export interface ResolveOutcome {
  readonly stage: 'resolve';
  readonly bucket: number;
  readonly cases: CaseCounts;
  /** Elements of `changes` follow the roles summary, latest, tombstones; absent when untouched. */
  readonly changes: readonly TableChange[];
  /** The change set for `apply`: Parquet keyed by (key, month). Undefined when nothing stored can change. */
  readonly changeSet: Location | undefined;
  readonly changeSetRows: number;
  /** Months of the change set; absent in checkpoints of older versions. */
  readonly changedMonths?: readonly ChangedMonthEntry[];
  /** New rows of months that were not stored, one file per cell. */
  readonly inserted: readonly AddedFile[];
  readonly latest: { readonly liveBefore: number; readonly removed: number; readonly added: number };
  readonly tombstones: { readonly before: number; readonly after: number };
  /** Stored rows that a `unified` unit rewrote; empty for `partitionwise`. */
  readonly files: readonly TouchedFile[];
  readonly groups: readonly RewrittenGroup[];
  readonly elapsedMs: Elapsed;
}

/** A data file that `apply` looked at. */
export interface TouchedFile {
  readonly location: Location;
  readonly month: number;
  readonly bucket: number;
  /** `untouched`: no row of it matched. */
  readonly mode: RewriteMode | 'untouched';
  readonly rowsBefore: number;
  /** Rows before that no position delete hid. */
  readonly liveBefore: number;
  readonly rowsChanged: number;
  /** Own rows among them: the month's own record or delete changed. */
  readonly ownRowsChanged: number;
  /** Live rows that the run leaves as they are. */
  readonly rowsCarried: number;
}

/** What replaced the files of one group; copy-on-write folds several into one. */
export interface RewrittenGroup {
  readonly month: number;
  readonly bucket: number;
  readonly mode: RewriteMode;
  readonly removed: readonly Location[];
  readonly added: readonly AddedFile[];
}

export interface ApplyOutcome {
  readonly stage: 'apply';
  readonly changes: readonly TableChange[];
  readonly files: readonly TouchedFile[];
  readonly groups: readonly RewrittenGroup[];
  readonly elapsedMs: Elapsed;
}

export const noCases: CaseCounts = {
  caseI: 0,
  caseII: 0,
  caseIIIInsert: 0,
  caseIIIUpdate: 0,
  caseIV: 0,
  delete: 0,
  tombstone: 0,
  stale: 0,
  duplicate: 0,
  revived: 0,
  feed: 0,
  feedWaiting: 0,
  feedOverrides: 0,
};

/** What the summary's plan keeps for audit and publish, in `plan.workload`. */
export interface SummaryPlanFacts {
  readonly strategy: Strategy;
  readonly buckets: number;
  /** Months and buckets that the run reads or writes; for the conflict check. */
  readonly firstMonth: number;
  readonly lastMonth: number;
  readonly touchedBuckets: readonly number[];
  readonly preparedRows: number;
  readonly preparedDeletes: number;
  /** Buckets that the stage `check` samples keys from; 0 without that stage. */
  readonly sampledBuckets: number;
  /** Only of a run that rewrites cells. */
  readonly rewrite?: RewriteFacts;
}

/** Where a run that rewrites cells puts the rows. */
export interface RewriteFacts {
  /** N of the buckets before and after. */
  readonly from: number;
  readonly to: number;
  /** What new files are written with; a role without a table is absent. */
  readonly specs: Readonly<Partial<Record<Role, PartitionSpec>>>;
}
