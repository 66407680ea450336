import { CorruptStateError } from '../../errors.ts';
import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { Plan } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import { committedSizes, deadLettersJob, stateJob } from '../state/job.ts';
import type { StateFile, StateFiles } from '../state/state.ts';
import type { RollupContext } from '../types.ts';
import type { RepairOutcome } from './types.ts';

/** What the one unit left, from its checkpoint. */
export async function repairOutcome(
  context: RollupContext,
  plan: Plan,
): Promise<{ readonly unit: string; readonly outcome: RepairOutcome }> {
  for (const stage of plan.stages)
    for await (const { record, result } of checkpointsOf(context, stage))
      return { unit: record.unit, outcome: result.outcome as RepairOutcome };
  throw new CorruptStateError(`the repair ${context.runId} has left nothing`);
}

/**
 * Gives the files of the state and the dead letters their names; nobody is led to them before the snapshot names the state.
 * Returns the state's files as they were published. Repeating it is no error.
 */
export async function completeRepair(
  context: RollupContext,
  { unit, outcome }: { readonly unit: string; readonly outcome: RepairOutcome },
): Promise<StateFiles> {
  await (await stateJob(context)).commit({ tasks: [unit] });
  if (outcome.deadLetters !== undefined) await (await deadLettersJob(context)).commit({ tasks: [unit] });
  const sizes: ReadonlyMap<Location, number> = await committedSizes(context);
  // Of two attempts, the files may be those of the one and the checkpoint that of the other.
  const published = (files: readonly StateFile[]) =>
    files.map((file) => ({ ...file, sizeBytes: sizes.get(file.location) ?? file.sizeBytes }));
  const { hot, tails, part } = outcome.state;
  return { hot: published(hot), tails: published(tails), part: published(part) };
}
