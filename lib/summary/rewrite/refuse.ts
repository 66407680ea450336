import type { SummaryConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import type { Table } from '../../iceberg/index.ts';
import { goOnWith, isSettled, runsSeen } from '../../run/intake/claim.ts';
import { isOnMain } from '../../run/publish/branches.ts';
import type { World } from '../../run/workload.ts';
import { isAdopted } from '../tables/pin-config.ts';

interface RefuseOptions {
  readonly world: World;
  readonly config: SummaryConfig;
  readonly tables: Iterable<Table | undefined>;
  /** The run that is to change the number; undefined before there is one. */
  readonly runId?: string;
}

/**
 * What was prepared or planned for one number of buckets fits no other: a change of it needs a pipeline without
 * unfinished runs and without branches of its own.
 * @throws UsageError with the command that comes first
 */
export async function refuseRebucket({ world, config, tables, runId }: RefuseOptions): Promise<void> {
  const runs = await world.state.runs.list(config.pipeline, runsSeen);
  const open = runs.find((run) => run.runId !== runId && !isSettled(run));
  if (open !== undefined)
    throw new UsageError(
      `run ${open.runId} has not ended (${open.status}), and what it has done was for the present number of buckets`,
      {
        details: { runId: open.runId, status: open.status },
        safe: 'nothing was changed',
        next: `${goOnWith(open)}, or partwise cancel ${open.runId}`,
      },
    );
  for (const table of tables) {
    if (table === undefined) continue;
    const branch = Object.entries(table.metadata.refs).find(
      ([name, ref]) => ref.type === 'branch' && name !== 'main' && !isOnMain(table, name),
    )?.[0];
    if (branch === undefined) continue;
    throw new UsageError(
      `${table.identifier.namespace}.${table.identifier.name} has a branch ${branch}, whose files are for the present number of buckets`,
      {
        details: { branch },
        safe: 'nothing was changed',
        next: `partwise switch ${branch}, or partwise cancel --branch ${branch}`,
      },
    );
  }
}

/** Files of a table that Partwise has not looked over are not rewritten. @throws UsageError */
export function refuseForeign(table: Table): void {
  if (isAdopted(table)) return;
  const { namespace, name } = table.identifier;
  throw new UsageError(`${namespace}.${name} was made by another system and has not been adopted`, {
    safe: 'nothing was changed',
    next: 'partwise adopt',
  });
}

const mostBuckets = 65_536;

/** @throws UsageError */
export function refuseCount(to: number): void {
  if (Number.isInteger(to) && to >= 1 && to <= mostBuckets) return;
  throw new UsageError(`a table has 1 to ${mostBuckets} buckets, not ${to}`, { safe: 'nothing was changed' });
}
