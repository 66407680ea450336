import { CorruptStateError, ObjectNotFoundError } from '../../errors.ts';
import { sha256 } from '../../run/layout.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import type { ClosedThrough } from '../rules.ts';

/** A Parquet file of a state. It holds series of the parts [firstPart, lastPart] only, sorted by series. */
export interface StateFile {
  readonly location: Location;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly firstPart: number;
  readonly lastPart: number;
}

/** What a unit leaves of its parts' state. */
export interface StateFiles {
  /** Deduplicated points of base windows that are still open. */
  readonly hot: readonly StateFile[];
  /** Last closed point and labels of every series that may still be continued. */
  readonly tails: readonly StateFile[];
  /** Mergeable rows of coarser windows that are still open. */
  readonly part: readonly StateFile[];
}

/**
 * What a batch leaves to the next, immutable: `<table>_state/b<batch>-<run>/state.json`. The snapshot that the batch
 * committed names it, with its digest, so rows and state switch together.
 */
export interface RollupState extends StateFiles {
  /** What was worked in after its windows had been published, oldest first; forgotten with the points themselves. */
  readonly repairs?: readonly AppliedRepair[];
  readonly formatVersion: 1;
  readonly pipeline: string;
  readonly batch: number;
  readonly runId: string;
  readonly watermarkMs: number;
  /** Where the batch ends by the pipeline's rules; a flush before its time has an earlier watermark. */
  readonly endMs: number;
  readonly closedThroughMs: number | null;
  /** Largest time of a hot point; null when there is none. */
  readonly newestHotMs: number | null;
  /** Largest window of a part row; null when there is none. */
  readonly newestPartMs: number | null;
  readonly parts: number;
  /** A series' part is the engine's hash of its name; another hash means that every file may hold any part. */
  readonly hashProbe: string;
}

/** A repair that the table holds. */
export interface AppliedRepair {
  readonly runId: string;
  /** The newest batch then. */
  readonly batch: number;
  readonly plannedMs: number;
  /** Parquet in the results store: all its points, in the order in which they count (see repair/gather.ts). */
  readonly points: Location;
  /** Batches, first and last, whose too late points it took. */
  readonly late?: { readonly from: number; readonly to: number };
}

/** What a commit's snapshot summary says of its batch. */
export interface CommittedBatch {
  readonly batch: number;
  readonly state: Location;
  readonly digest: string;
  readonly snapshotId: string;
}

/** Keys of the snapshot summary. */
export const batchKeys = {
  batch: 'partwise.batch',
  state: 'partwise.state',
  digest: 'partwise.state-digest',
  input: 'partwise.input',
  /** Run id of a repair: the snapshot is of the batch before it once more, with other rows and another state. */
  repair: 'partwise.repair',
} as const;

/** A tag that follows the newest batch of a branch, so that expiry does not forget where the next one starts. */
export function newestBatchTag(branch: string): string {
  return branch === 'main' ? 'partwise-batch' : `partwise-batch-${branch}`;
}

/** What the object of a state is called. */
export const stateObject = /\/state-[0-9a-f]{16}\.json$/;

export function closedOf(state: RollupState | undefined): ClosedThrough {
  return state?.closedThroughMs ?? undefined;
}

export function stateText(state: RollupState): string {
  return JSON.stringify(state);
}

/** @throws CorruptStateError when the state is gone, or is not the one that was committed */
export async function readState(
  store: ObjectStore,
  { batch, state: location, digest }: Pick<CommittedBatch, 'batch' | 'state' | 'digest'>,
): Promise<RollupState> {
  const bytes = await store.read(location).catch((cause: unknown) => {
    if (!(cause instanceof ObjectNotFoundError)) throw cause;
    throw new CorruptStateError(`the state of batch ${batch} is gone: ${location}`, {
      cause,
      details: { batch, location },
      safe: 'the table is untouched',
    });
  });
  if (sha256(bytes) !== digest) {
    throw new CorruptStateError(
      `the state of batch ${batch} is not the one that was committed: ${location}`,
      {
        details: { batch, location, digest },
        safe: 'the table is untouched',
      },
    );
  }
  const state = JSON.parse(new TextDecoder().decode(bytes)) as RollupState;
  if (state.formatVersion !== 1)
    throw new CorruptStateError(`${location} has unknown version ${state.formatVersion}`);
  return state;
}
