import type { RollupConfig } from '../config/schema.ts';
import type { OutcomeWithChanges } from '../run/publish/table-change.ts';
import type { RunContext } from '../run/workload.ts';
import type { Location } from '../stores/ports.ts';
import type { PartRange } from './plan/part-range.ts';
import type { Spreading } from './sql/points.ts';
import type { StateFile, StateFiles } from './state/state.ts';

/** Specifications of the units and what they leave behind. Plain JSON; times are milliseconds. */

/** Names of the stages; the second one is that of large batches only. */
export const rollupStage = 'rollup';
export const checkStage = 'check';

/** The context of a run of this workload. */
export type RollupContext = RunContext<RollupConfig>;

/** What `prepare` found in a file of points, besides its rows. */
export interface PreparedPoints {
  /** Names of the columns in the prepared rows, as SQL, when they are the file as it came. */
  readonly columns: Readonly<Record<string, string>> | undefined;
  /** Parquet: each series that has a point that counts, with the labels and the number of the first, and how many there are. */
  readonly labels: Location;
  /** Newest time of a point that counts. */
  readonly newestMs: number | null;
  readonly lateness: Lateness;
}

/** Points by how long before the batch's end they lie: [at least so many ms, points]. */
export type Lateness = readonly (readonly [fromMs: number, points: number])[];

/** A prepared file of the batch; its place in the list is its place in the order of ingest. */
export interface PointSource {
  readonly location: Location;
  /** Names of its columns, as SQL, when it is the file as it came: it is not ordered by part, and rows count by their place. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
  readonly labels: Location;
  /** Of the source object. */
  readonly sizeBytes?: number;
  /** [part, points, those of them that are refused for their time]. */
  readonly parts: readonly (readonly [part: number, points: number, refused: number])[];
}

/** One unit: all series of the parts [firstPart, lastPart], from their points to their rows and their state. */
export interface RollupSpec extends PartRange {
  /** What runs it; default: DuckDB. */
  readonly engine?: 'spark';
  readonly batch: number;
  readonly watermarkMs: number;
  readonly closedBeforeMs: number | null;
  readonly closedAfterMs: number | null;
  /** JSON Lines of `PointSource`, and their digest. */
  readonly sources: Location;
  readonly sourcesDigest: string;
  readonly points: number;
  /** Points that are too late or too far in the future. */
  readonly refused: number;
  readonly hot: readonly StateFile[];
  readonly tails: readonly StateFile[];
  readonly part: readonly StateFile[];
  /** Digest of the table's columns: other field ids are another unit. */
  readonly columns: string;
}

/** One unit of the audit of a large batch: what these units of the work have left. */
export interface CheckSpec {
  readonly units: readonly (PartRange & { readonly unit: string })[];
  /** Its part of the batch's points. */
  readonly share: number;
}

/** Points counted on their way through a unit. */
export interface PointCounts {
  readonly arrived: number;
  readonly tooLate: number;
  readonly tooFar: number;
  /** In time, and yet replaced or left out for another point of the same series and time. */
  readonly duplicates: number;
  /** In open windows before and after the batch. */
  readonly hotBefore: number;
  readonly hotAfter: number;
  /** In windows of the base resolution that this batch closed. */
  readonly closed: number;
  readonly resets: number;
  /** Series with a closed point in this batch. */
  readonly series: number;
  /** Points of the series that has most of them. */
  readonly largestSeries: number;
}

/** Rows of one resolution: published, and still open. */
export interface WindowCounts {
  readonly resolutionMs: number;
  readonly closed: number;
  readonly open: number;
}

export interface RollupOutcome extends OutcomeWithChanges {
  readonly state: StateFiles;
  readonly newestHotMs: number | null;
  readonly newestPartMs: number | null;
  readonly points: PointCounts;
  readonly windows: readonly WindowCounts[];
  readonly deadLetters: Location | undefined;
  /** Milliseconds: windows and their rows, state, data files. */
  readonly times: { readonly compute: number; readonly partial: number; readonly append: number };
}

/** What plan, audit and publish share, bounded. */
export interface RollupPlanFacts extends Spreading {
  readonly batch: number;
  readonly flush: boolean;
  readonly watermarkMs: number;
  readonly closedBeforeMs: number | null;
  readonly closedAfterMs: number | null;
  readonly previous: {
    readonly batch: number;
    readonly state: Location;
    readonly digest: string;
    readonly snapshotId: string;
  } | null;
  readonly hashProbe: string;
  readonly points: number;
  readonly refused: number;
  readonly lateness: Lateness;
  readonly files: number;
  /** Digest over the batch's source objects and versions. */
  readonly input: string;
  readonly sources: Location;
  /** State files that no unit takes up: their parts have nothing new. */
  readonly carried: StateFiles;
}
