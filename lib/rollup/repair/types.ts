import type { RepairRequest } from '../../run/intake/batch.ts';
import type { OutcomeWithChanges } from '../../run/publish/table-change.ts';
import type { Location } from '../../stores/ports.ts';
import type { Spreading } from '../sql/points.ts';
import type { CommittedBatch, StateFiles } from '../state/state.ts';

/** What the steps of a repair hand on. Plain JSON; times are milliseconds. */

/** Name of the one stage. */
export const repairStage = 'repair';

/** Prepared points of a published batch, or of an earlier repair: where points of published windows may be found. */
export interface RetainedPoints {
  readonly location: Location;
  /** Names of its columns, as SQL, when it is the file as it came. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
  /** Column that orders its rows; undefined: their place. */
  readonly order: 'pw_row' | 'o' | undefined;
  /** Points at or before it were too late. */
  readonly closedBeforeMs: number | null;
  /** Points after it were too far in the future; of a repair: were open, and so in no row. */
  readonly notAfterMs: number | null;
}

/** The one unit: everything that the points touch. */
export interface RepairSpec extends Spreading {
  readonly points: Location;
  readonly pointsDigest: string;
  /** Points that lie too far in the future. */
  readonly tooFar: Location;
  readonly batch: number;
  /** JSON Lines of `RetainedPoints` in the order of ingest, and their digest. */
  readonly retained: Location;
  readonly retainedDigest: string;
  readonly closedThroughMs: number;
  readonly watermarkMs: number;
  readonly state: StateFiles;
  readonly metadataLocation: Location;
  readonly snapshotId: string;
}

export interface RepairWindows {
  readonly resolutionMs: number;
  /** Rows that are new, and rows with other values than before; published, and still open. */
  readonly added: number;
  readonly changed: number;
  readonly open: number;
}

/** Points counted on their way. */
export interface RepairPoints {
  readonly taken: number;
  /** In open windows: they wait with the others. */
  readonly open: number;
  /** Of one series and time with an earlier one. */
  readonly duplicates: number;
  readonly tooFar: number;
  readonly series: number;
  /** Points that were read again to recompute windows. */
  readonly read: number;
}

export interface RepairOutcome extends OutcomeWithChanges {
  /** The whole state's files after the repair. */
  readonly state: StateFiles;
  readonly newestHotMs: number | null;
  readonly newestPartMs: number | null;
  readonly points: RepairPoints;
  readonly windows: readonly RepairWindows[];
  readonly deadLetters: Location | undefined;
  readonly files: { readonly removed: number; readonly added: number; readonly bytesRemoved: number };
}

/** What plan, audit and publish share, bounded. */
export interface RepairPlanFacts extends Spreading {
  readonly repair: RepairRequest;
  readonly batch: number;
  readonly previous: CommittedBatch;
  readonly closedThroughMs: number;
  readonly watermarkMs: number;
  readonly hashProbe: string;
  readonly plannedMs: number;
  readonly points: Location;
  readonly retained: Location;
  readonly retainedDigest: string;
  /** Points that are applied, and those that lie too far in the future. */
  readonly taken: number;
  readonly tooFar: number;
  /** Digest over the points' sources. */
  readonly input: string;
  readonly snapshotId: string;
}
