import { leaseName, leaseTtlMs } from '../run/intake/claim.ts';
import type { World } from '../run/workload.ts';

/** Does something under the pipeline's lease, so that no run publishes meanwhile. @throws LeaseHeldError, LeaseLostError */
export async function underLease<T>(
  world: World,
  pipeline: string,
  holder: string,
  action: () => Promise<T>,
): Promise<T> {
  const { leases } = world.state;
  let lease = await leases.acquire(leaseName(pipeline), holder, leaseTtlMs);
  let lost: unknown;
  const renewal = setInterval(() => {
    leases.renew(lease, leaseTtlMs).then(
      (renewed) => {
        lease = renewed;
      },
      (error: unknown) => {
        lost ??= error;
      },
    );
  }, leaseTtlMs / 3);
  try {
    const result = await action();
    if (lost !== undefined) throw lost;
    return result;
  } finally {
    clearInterval(renewal);
    await leases.release(lease);
  }
}
