import { checkpointsOf } from '../../run/checkpoints.ts';
import type { Plan, Published } from '../../run/workload.ts';
import { publishSummary } from '../publish.ts';
import type { SummaryContext } from '../types.ts';
import type { RebuildOutcome } from './unit.ts';

/** What a rebuild has found and done, for people; kept as `facts.rebuild` of the run. */
export interface Rebuilt {
  readonly buckets: number;
  /** Rows of the scope, and those of them whose arrays were wrong. */
  readonly rows: number;
  readonly rebuilt: number;
  readonly latestWritten: number;
}

/** Publishes the rewritten rows of summary and those of latest, as one commit set; none when every array was right. */
export async function publishRebuild(context: SummaryContext, plan: Plan): Promise<Published> {
  const published = await publishSummary(context, plan);
  const total = { buckets: 0, rows: 0, rebuilt: 0, latestWritten: 0 };
  for (const stage of plan.stages)
    for await (const { result } of checkpointsOf(context, stage)) {
      const { rows, rebuilt, latestWritten } = result.outcome as RebuildOutcome;
      total.buckets += 1;
      total.rows += rows;
      total.rebuilt += rebuilt;
      total.latestWritten += latestWritten;
    }
  const rebuild: Rebuilt = total;
  return { ...published, facts: { ...published.facts, rebuild } };
}
