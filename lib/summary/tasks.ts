import type { RunContext } from '../run/workload.ts';

/** What runs of this workload do instead of taking files in. */

/** `suspect`: those in which another writer has changed rows since latest was last made anew. */
export type BucketScope = 'suspect' | 'all' | readonly number[];

/** Makes latest anew from summary where it is not what summary says. */
export interface RepairLatestTask {
  readonly kind: 'repair-latest';
  readonly buckets: BucketScope;
}

export type SummaryTask = RepairLatestTask;

export function summaryTask({ task }: Partial<Pick<RunContext, 'task'>>): SummaryTask | undefined {
  return task as SummaryTask | undefined;
}
