import { goOnWith } from '../run/intake/claim.ts';
import type { RunRecord } from '../stores/ports.ts';

/**
 * What to type to go on with a run that has not ended: what its failure advised, else what its status asks for.
 * @param asking the command that tells it, which is no advice of its own
 */
export function nextStep(run: RunRecord, asking?: 'status' | 'doctor'): string {
  const advised = run.error?.next;
  if (advised !== undefined && (asking === undefined || !advised.startsWith(`partwise ${asking}`)))
    return advised;
  return goOnWith(run);
}
