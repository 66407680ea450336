import { LeaseHeldError, UsageError } from '../errors.ts';
import type { RunRecord, StateStore } from '../stores/ports.ts';
import { leaseName, leaseTtlMs } from './intake/claim.ts';
import type { World } from './workload.ts';

/**
 * Gives the run's claims back. What it wrote is unreferenced and goes with the next clean-up.
 * @throws LeaseHeldError while a process works on it, as far as that can be seen
 */
export async function cancelRun(options: {
  readonly world: Pick<World, 'clock'> & { readonly state: Omit<StateStore, 'checkpoints' | 'close'> };
  readonly runId: string;
}): Promise<RunRecord> {
  const { world, runId } = options;
  const run = await world.state.runs.get(runId);
  if (run === undefined) throw new UsageError(`there is no run ${runId}`, { next: 'partwise runs' });
  checkCancellable(run);
  const lease = await world.state.leases
    .acquire(leaseName(run.pipeline), runId, leaseTtlMs)
    .catch((error: unknown) => {
      throw error instanceof LeaseHeldError && error.details['holder'] === runId
        ? atWork(error, runId)
        : error;
    });
  await world.state.intake.release(runId);
  const cancelled = await world.state.runs.update(runId, {
    status: 'cancelled',
    epoch: lease.epoch,
    endedMs: world.clock.now(),
  });
  await world.state.leases.release(lease);
  return cancelled;
}

function atWork({ details }: LeaseHeldError, runId: string): LeaseHeldError {
  return new LeaseHeldError(`run ${runId} is at work in process ${details['pid']}`, {
    details,
    safe: 'nothing was changed, and the run goes on',
    next: `press Ctrl-C there (or kill -INT ${details['pid']}), then partwise cancel ${runId}`,
  });
}

/** @throws UsageError when readers have what the run made */
export function checkCancellable({ runId, status, facts }: RunRecord): void {
  if (status !== 'succeeded' && status !== 'empty' && facts['published'] === undefined) return;
  throw new UsageError(`run ${runId} has been published; it cannot be cancelled`, {
    next: `partwise status ${runId}`,
  });
}
