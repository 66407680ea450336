import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { Plan } from '../../run/workload.ts';
import { deadLettersJob, stateJob } from '../state/job.ts';
import { type RollupContext, type RollupOutcome, rollupStage } from '../types.ts';

export interface UnitOutcome {
  readonly unit: string;
  readonly outcome: RollupOutcome;
}

/** What the units left, from their checkpoints. */
export async function unitOutcomes(context: RollupContext, plan: Plan): Promise<readonly UnitOutcome[]> {
  const outcomes: UnitOutcome[] = [];
  for (const stage of plan.stages.filter(({ name }) => name === rollupStage))
    for await (const { record, result } of checkpointsOf(context, stage))
      outcomes.push({ unit: record.unit, outcome: result.outcome as RollupOutcome });
  return outcomes;
}

/**
 * Gives the state files and the dead letters their names. Nobody is led to them before the batch's snapshot names the
 * state, so the audit may do this, to read what publish will refer to. Repeating it is no error.
 */
export async function completeFiles(context: RollupContext, outcomes: readonly UnitOutcome[]): Promise<void> {
  await (await stateJob(context)).commit({ tasks: outcomes.map(({ unit }) => unit) });
  const refused = outcomes.filter(({ outcome }) => outcome.deadLetters !== undefined);
  if (refused.length === 0) return;
  await (await deadLettersJob(context)).commit({ tasks: refused.map(({ unit }) => unit) });
}
