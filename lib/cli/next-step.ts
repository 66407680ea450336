import type { RunRecord } from '../stores/ports.ts';

/**
 * What to type to go on with a run that has not ended: what its failure advised, else what its status asks for.
 * @param asking the command that tells it, which is no advice of its own
 */
export function nextStep({ runId, status, error }: RunRecord, asking?: 'status' | 'doctor'): string {
  const advised = error?.next;
  if (advised !== undefined && (asking === undefined || !advised.startsWith(`partwise ${asking}`)))
    return advised;
  return status === 'planned' ? `partwise run --plan ${runId}` : `partwise resume ${runId}`;
}
