import { LeaseLostError } from '../../lib/errors.ts';
import { leaseName } from '../../lib/run/intake/claim.ts';
import type { World } from '../../lib/run/workload.ts';

/** Between two functions of a run nobody is there to renew: so long may the state machine take to call the next one. */
const betweenMs = 15 * 60_000;

/**
 * Keeps the run's lease for as long as this function may run and the state machine may take afterwards. No process lives
 * as long as a run here, so each function renews for the next.
 *
 * @throws LeaseLostError when another run has it: what this one does could never be published
 */
export async function holdLease(
  world: Pick<World, 'state' | 'clock'>,
  pipeline: string,
  runId: string,
  remainingMs: number,
): Promise<void> {
  const { leases } = world.state;
  const lease = await leases.current(leaseName(pipeline));
  if (lease === undefined) return;
  if (lease.holder !== runId) {
    throw new LeaseLostError(`${lease.holder} took over ${lease.name}`, {
      safe: 'nothing of this attempt was published; its checkpoints stand',
      next: `partwise resume ${runId}`,
    });
  }
  const wantedMs = remainingMs + betweenMs;
  // Hundreds of units side by side need one renewal now and then, not one each.
  if (lease.expiresMs - world.clock.now() < wantedMs - betweenMs / 3) await leases.renew(lease, wantedMs);
}
