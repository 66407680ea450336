import type { RollupConfig } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import { closeReplay, openReplay } from '../rollup/replay.ts';
import { batchOf, publishedBatches } from '../run/intake/batches.ts';
import type { ReplayedBatch } from '../run/intake/claim.ts';
import { type RunOutcome, replayBatch } from '../run/local/local.ts';
import type { LocalWorld } from '../run/local/local-world.ts';
import { openBranchRuns, settleSwitched } from '../run/publish/branches.ts';
import { underLease } from './lease.ts';
import { namedFiles } from './named-files.ts';
import { isUnfinished } from './session.ts';

interface ReplayOptions {
  readonly world: LocalWorld;
  readonly config: RollupConfig;
  readonly from: number;
  /** Default: the newest batch that was published. */
  readonly to?: number;
  readonly branch: string;
  /** Absolute paths of files that batch `from` takes besides. */
  readonly also?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called with each batch that was published to the branch. */
  readonly onBatch?: (outcome: RunOutcome) => Promise<void>;
}

export interface Replayed {
  /** The batch that failed; undefined when all were published and main is what the branch was. */
  readonly failed: RunOutcome | undefined;
  readonly from: number;
  readonly to: number;
  /** Head of main. */
  readonly snapshotId: string | undefined;
  /** Newest batch that was published before: those after `to` are not on main any more. */
  readonly newest: number;
}

/**
 * Runs the batches [from, to] once more on a branch at the batch before, with the files that their runs took, then main
 * becomes what the branch is. May die anywhere: the same again, with the same branch, goes on.
 * @throws UsageError when a batch has no run, PinnedSnapshotExpiredError, CommitConflictError when main has moved
 */
export async function replayBatches(options: ReplayOptions): Promise<Replayed> {
  const { world, config, from, branch, signal } = options;
  const { pipeline } = config;
  const runs = await world.state.runs.list(pipeline, Number.MAX_SAFE_INTEGER);
  const published = publishedBatches(runs, 'main');
  const newest = published.reduce((most, one) => Math.max(most, one.number), -1);
  const to = options.to ?? newest;
  if (to < from || to > newest)
    throw new UsageError(`batches from ${from} to ${to} cannot be replayed: the newest is ${newest}`, {
      safe: 'nothing was changed',
      next: 'partwise runs',
    });
  const batches: Omit<ReplayedBatch, 'also'>[] = [];
  for (let number = from; number <= to; number += 1) {
    const found = published.find((one) => one.number === number);
    if (found === undefined)
      throw new UsageError(`nothing is known of the run that published batch ${number}`, {
        safe: 'nothing was changed',
      });
    const { watermarkMs, flush, runId, replays = [] } = found;
    batches.push({ number, watermarkMs, flush, replays: [runId, ...replays] });
  }
  const holder = `replay-${branch}`;
  const next = await underLease(world, pipeline, holder, () => openReplay({ world, config, branch, from }));
  await world.step('replay-opened');
  const begun = runs.find((run) => run.branch === branch && isUnfinished(run));
  const start = Math.min(next, (begun === undefined ? undefined : batchOf(begun)?.number) ?? next);
  const { also: paths = [] } = options;
  // New files count as having arrived last in the batch's time.
  const arrivedMs = (batches[0]?.watermarkMs ?? 0) - 1;
  const further = next > from ? [] : await namedFiles({ world, config, branch, paths, arrivedMs });
  for (const batch of batches.filter(({ number }) => number >= start)) {
    const also = batch.number === from ? further : [];
    const more = signal === undefined ? {} : { signal };
    const outcome = await replayBatch({ world, config, branch, replay: { ...batch, also }, ...more });
    if (outcome.run?.status !== 'succeeded')
      return { failed: outcome, from, to, snapshotId: undefined, newest };
    await options.onBatch?.(outcome);
  }
  await world.step('replay-published');
  const snapshotId = await underLease(world, pipeline, holder, async () => {
    const done = await openBranchRuns(world, pipeline, branch);
    const head = await closeReplay({ world, config, branch });
    await world.step('switched');
    await settleSwitched(world, done);
    return head;
  });
  return { failed: undefined, from, to, snapshotId, newest };
}
