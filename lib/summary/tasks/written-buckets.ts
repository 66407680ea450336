import type { TableChange } from '../../run/publish/table-change.ts';
import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { Plan } from '../../run/workload.ts';
import type { SummaryContext } from '../types.ts';

interface BucketOutcome {
  readonly bucket: number;
  readonly changes: readonly TableChange[];
}

/** Buckets that the units of a task's stage have written; those that were right already are not among them. */
export async function writtenBuckets(
  context: SummaryContext,
  plan: Plan,
  stageName: string,
): Promise<readonly number[]> {
  const buckets: number[] = [];
  for (const stage of plan.stages.filter(({ name }) => name === stageName))
    for await (const { result } of checkpointsOf(context, stage)) {
      const { bucket, changes } = result.outcome as BucketOutcome;
      if (changes.length > 0) buckets.push(bucket);
    }
  return buckets;
}
