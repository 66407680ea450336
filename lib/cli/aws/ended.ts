import { runCancelled } from '../../run/intake/claim.ts';
import { planOfRun } from '../../run/local/local-attempt.ts';
import { raisedError } from '../../run/raised-error.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { ExecutionState } from '../../stores/sfn-control.ts';
import type { RunReport } from '../outcome.ts';
import { isCancelled } from './cancelled.ts';
import type { Followed } from './follow.ts';
import type { AwsSession } from './session.ts';

/**
 * What came of a run, as of one on this machine.
 * @throws RunCancelledError; what the execution failed with, when it failed before it had a run
 */
export async function reportOfEnd(
  { world }: Pick<AwsSession, 'world'>,
  { execution, run }: Extract<Followed, { readonly kind: 'ended' }>,
): Promise<RunReport> {
  const isSuccess = execution.status === 'SUCCEEDED';
  if (run === undefined && isSuccess) return { run, plan: undefined };
  // A run that could not even start has given its files back itself.
  if (run === undefined || (run.status === 'cancelled' && execution.status === 'FAILED'))
    throw raisedError({
      name: execution.error ?? `States.${execution.status}`,
      cause: execution.cause ?? `execution ${execution.name} ended as ${execution.status} without a run`,
    });
  // The trigger may not have given the files back yet.
  if (run.status === 'cancelled' || isCancelled(execution)) throw runCancelled(run.runId);
  const plan = await planOfRun(world, run);
  return { run: isSuccess || run.endedMs !== undefined ? run : stoppedRun(run, execution), plan };
}

/** An execution that was stopped cannot record its own end; the sweep does it later. */
function stoppedRun(run: RunRecord, { name, status, error, cause }: ExecutionState): RunRecord {
  return {
    ...run,
    status: 'failed',
    error: {
      name: error ?? 'States.Aborted',
      message: cause ?? `execution ${name} was stopped (${status})`,
      next: `partwise resume ${run.runId}`,
    },
  };
}
