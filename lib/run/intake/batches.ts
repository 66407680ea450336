import type { RunRecord } from '../../stores/ports.ts';
import { isAppliedTo } from '../publish/branches.ts';
import type { Batch } from './batch.ts';

/** The batch that the run works on; undefined for workloads that do not work in batches. */
export function batchOf(run: Pick<RunRecord, 'facts'>): Batch | undefined {
  return run.facts['batch'] as Batch | undefined;
}

/** Runs that have published a batch to the branch and stand: none of them was replaced by a replay that main has. */
export function publishedBatches(
  runs: readonly RunRecord[],
  branch: string,
): readonly (Batch & { readonly runId: string })[] {
  const applied = runs.filter(
    (run) => isAppliedTo(run, branch) && batchOf(run) !== undefined && batchOf(run)?.repair === undefined,
  );
  const replaced = new Set(applied.flatMap((run) => batchOf(run)?.replays ?? []));
  return applied.flatMap((run) => {
    const batch = batchOf(run);
    return batch === undefined || replaced.has(run.runId) ? [] : [{ ...batch, runId: run.runId }];
  });
}

/** The one of the newest batch. */
export function newestPublished(
  runs: readonly RunRecord[],
  branch: string,
): (Batch & { readonly runId: string }) | undefined {
  const published = publishedBatches(runs, branch);
  return published.length === 0 ? undefined : published.reduce((a, b) => (b.number > a.number ? b : a));
}
