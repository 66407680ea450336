import { RunCancelledError } from '../../errors.ts';
import type { ExecutionState } from '../../stores/sfn-control.ts';

/** What a stopped execution says when it was stopped to cancel its run. */
export const cancelledBecause = { error: RunCancelledError.name, cause: 'partwise cancel' } as const;

export function isCancelled({ status, error }: ExecutionState): boolean {
  return status === 'ABORTED' && error === cancelledBecause.error;
}
