import type { DatabaseSync } from 'node:sqlite';
import { LeaseHeldError, LeaseLostError } from '../../errors.ts';
import type { Clock, Lease, LeaseStore } from '../ports.ts';
import { isGone, ownProcess, type ProcessIdentity } from './process-identity.ts';
import { transaction } from './transaction.ts';

/** `process`: JSON of a ProcessIdentity, the process that acquired or renewed it last; NULL when it is not known. */
export const leaseSchema = `
CREATE TABLE IF NOT EXISTS leases (
  name TEXT PRIMARY KEY, holder TEXT, epoch INTEGER NOT NULL, expires_ms REAL NOT NULL, process TEXT);
`;

/**
 * A lease is mutual exclusion by politeness (clocks may be wrong); the epoch is the real guard: it grows with
 * every acquisition and the publish step refuses a lower one than the tables have seen. A holder whose process has
 * provably ended, on this machine and since its last start, keeps nobody waiting.
 */
export function leaseStore(database: DatabaseSync, clock: Clock): LeaseStore {
  addProcessColumn(database);
  const own = JSON.stringify(ownProcess() ?? null);
  const select = database.prepare('SELECT * FROM leases WHERE name = ?');
  const write = database.prepare(
    'INSERT OR REPLACE INTO leases (name, holder, epoch, expires_ms, process) VALUES (?, ?, ?, ?, ?)',
  );
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
  /** undefined when it is not known. */
  const processOf = (name: string): ProcessIdentity | undefined => {
    const text = select.get(name)?.['process'];
    return typeof text === 'string' ? (JSON.parse(text) ?? undefined) : undefined;
  };
  /** A holder may take its own lease again, but not from a process of its that is at work. */
  const isKept = (name: string, byHolder: boolean): boolean => {
    const process = processOf(name);
    if (process !== undefined && isGone(process)) return false;
    return !byHolder || (process !== undefined && JSON.stringify(process) !== own);
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
          current.expiresMs > clock.now() &&
          isKept(name, current.holder === holder)
        ) {
          throw new LeaseHeldError(`${name} is being written by ${current.holder}`, {
            details: { holder: current.holder, expiresMs: current.expiresMs, pid: processOf(name)?.pid },
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
        write.run(name, holder, lease.epoch, lease.expiresMs, own);
        return lease;
      }),
    renew: async (lease, ttlMs) =>
      transaction(database, () => {
        mine(lease);
        const renewed = { ...lease, expiresMs: clock.now() + ttlMs };
        write.run(lease.name, lease.holder, lease.epoch, renewed.expiresMs, own);
        return renewed;
      }),
    release: async (lease) =>
      transaction(database, () => {
        const current = find(lease.name);
        if (current?.epoch === lease.epoch) write.run(lease.name, '', lease.epoch, 0, null);
      }),
    current: async (name) => {
      const lease = find(name);
      return lease === undefined || lease.holder === '' ? undefined : lease;
    },
  };
}

/** State files made before the column existed go on without it being known who held their leases. */
function addProcessColumn(database: DatabaseSync): void {
  const isThere = () =>
    database
      .prepare('PRAGMA table_info(leases)')
      .all()
      .some((column) => column['name'] === 'process');
  if (isThere()) return;
  transaction(database, () => {
    if (!isThere()) database.exec('ALTER TABLE leases ADD COLUMN process TEXT');
  });
}
