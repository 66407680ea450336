import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { Plan, Published } from '../../run/workload.ts';
import { publishSummary } from '../publish.ts';
import type { RebuildTask } from '../tasks/tasks.ts';
import type { SummaryContext } from '../types.ts';
import { type MissingKeys, missingKeys, namesNoRows } from './missing.ts';
import type { RebuildOutcome } from './unit.ts';

/** What a rebuild has found and done, for people; kept as `facts.rebuild` of the run. */
export interface Rebuilt {
  readonly buckets: number;
  /** Rows of the scope, and those of them whose arrays were wrong. */
  readonly rows: number;
  readonly rebuilt: number;
  readonly latestWritten: number;
  /** Named keys without a row in the named months. */
  readonly missingKeys: MissingKeys;
}

/**
 * Publishes the rewritten rows of summary and those of latest, as one commit set; none when every array was right.
 * @throws UsageError when none of the named keys has a row, and nothing else is to be published
 */
export async function publishRebuild(
  context: SummaryContext,
  plan: Plan,
  task: RebuildTask,
): Promise<Published> {
  const found: string[] = [];
  const total = { buckets: 0, rows: 0, rebuilt: 0, latestWritten: 0 };
  for (const stage of plan.stages)
    for await (const { result } of checkpointsOf(context, stage)) {
      const { rows, rebuilt, latestWritten, foundKeys } = result.outcome as RebuildOutcome;
      found.push(...foundKeys);
      total.buckets += 1;
      total.rows += rows;
      total.rebuilt += rebuilt;
      total.latestWritten += latestWritten;
    }
  if (total.rows === 0 && total.latestWritten === 0) throw namesNoRows(context.config, task);
  const rebuild: Rebuilt = { ...total, missingKeys: missingKeys(context.config, task, found) };
  const published = await publishSummary(context, plan);
  return { ...published, facts: { ...published.facts, rebuild } };
}
