import { LeaseLostError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';

/**
 * Whether an attempt still is the run's: a cancelled run has none, and one that was taken up again has another. A lease
 * cannot tell, since all attempts of a run hold it by one name.
 */
export function isCurrentAttempt(run: Pick<RunRecord, 'status' | 'attempt'>, attempt: number): boolean {
  return run.status !== 'cancelled' && run.attempt === attempt;
}

/** @throws LeaseLostError when the attempt is not the run's any more */
export function mustBeCurrentAttempt(run: RunRecord, attempt: number): void {
  if (isCurrentAttempt(run, attempt)) return;
  const { runId, status } = run;
  throw new LeaseLostError(
    status === 'cancelled'
      ? `run ${runId} was cancelled while attempt ${attempt} was at work`
      : `attempt ${attempt} of run ${runId} was overtaken by attempt ${run.attempt}`,
    { safe: 'this attempt published nothing', next: `partwise status ${runId}` },
  );
}
