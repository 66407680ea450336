import type { DatabaseSync } from 'node:sqlite';
import { LeaseHeldError, LeaseLostError } from '../errors.ts';
import type { Clock, Lease, LeaseStore } from './ports.ts';
import { transaction } from './sqlite-transaction.ts';

/**
 * A lease is mutual exclusion by politeness (clocks may be wrong); the epoch is the real guard: it grows with
 * every acquisition and the publish step refuses a lower one than the tables have seen.
 */
export function leaseStore(database: DatabaseSync, clock: Clock): LeaseStore {
  const select = database.prepare('SELECT * FROM leases WHERE name = ?');
  const write = database.prepare('INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)');
  const find = (name: string): Lease | undefined => {
    const row = select.get(name);
    if (row === undefined) return undefined;
    return {
      name,
      holder: String(row['holder'] ?? ''),
      epoch: Number(row['epoch']),
      expiresMs: Number(row['expires_ms']),
    };
  };
  const mine = (lease: Lease): void => {
    const current = find(lease.name);
    if (current?.epoch !== lease.epoch || current.holder !== lease.holder) {
      throw new LeaseLostError(
        `the lease on ${lease.name} was taken over by ${current?.holder || 'another run'}`,
        {
          details: { lease, current },
          safe: 'nothing of this attempt was published; its checkpoints stand',
        },
      );
    }
  };

  return {
    acquire: async (name, holder, ttlMs) =>
      transaction(database, () => {
        const current = find(name);
        if (
          current !== undefined &&
          current.holder !== '' &&
          current.holder !== holder &&
          current.expiresMs > clock.now()
        ) {
          throw new LeaseHeldError(`${name} is being written by ${current.holder}`, {
            details: { holder: current.holder, expiresMs: current.expiresMs },
            safe: 'nothing was changed; new files stay pending',
            next: 'partwise runs',
          });
        }
        const lease: Lease = {
          name,
          holder,
          epoch: (current?.epoch ?? 0) + 1,
          expiresMs: clock.now() + ttlMs,
        };
        write.run(name, holder, lease.epoch, lease.expiresMs);
        return lease;
      }),
    renew: async (lease, ttlMs) =>
      transaction(database, () => {
        mine(lease);
        const renewed = { ...lease, expiresMs: clock.now() + ttlMs };
        write.run(lease.name, lease.holder, lease.epoch, renewed.expiresMs);
        return renewed;
      }),
    release: async (lease) =>
      transaction(database, () => {
        const current = find(lease.name);
        if (current?.epoch === lease.epoch) write.run(lease.name, '', lease.epoch, 0);
      }),
    current: async (name) => {
      const lease = find(name);
      return lease === undefined || lease.holder === '' ? undefined : lease;
    },
  };
}
