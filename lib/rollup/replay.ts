import type { RollupConfig } from '../config/schema.ts';
import {
  CommitConflictError,
  PinnedSnapshotExpiredError,
  RepairRefusedError,
  UsageError,
} from '../errors.ts';
import { ancestors, changeRefs, commitStaged, type Snapshot, type Table } from '../iceberg/index.ts';
import type { World } from '../run/workload.ts';
import { findTable, newestBatch } from './batch.ts';
import { mustFitBatches, mustFitTable } from './fits-table.ts';
import { batchKeys, newestBatchTag, readState } from './state/state.ts';

/** The table's part of a replay: a branch at an old batch, and main in its place once. */

interface ReplayOptions {
  readonly world: World;
  readonly config: RollupConfig;
  readonly branch: string;
}

/** What main was when the branch was made; kept as a property of the table while the branch lives. */
interface ReplayNote {
  readonly main: string;
  readonly from: number;
}

/**
 * Makes the branch at the commit of the batch before `from`; where it is there already, by an earlier call, it stays as
 * it is. Returns the batch that comes next on it.
 * @throws PinnedSnapshotExpiredError when that commit or its state is gone
 * @throws ConfigError when the pipeline does not go on from them
 * @throws RepairRefusedError when a repair has come since, which the branch would be without
 */
export async function openReplay(options: ReplayOptions & { readonly from: number }): Promise<number> {
  const { world, config, branch, from } = options;
  const table = await tableOf(options);
  if (table.metadata.refs[branch] !== undefined) {
    if (noteOf(table, branch)?.from !== from)
      throw new UsageError(`branch ${branch} is there already, and not of a replay from batch ${from}`, {
        safe: 'nothing was changed',
        next: 'the same with --branch NAME',
      });
    return (newestBatch(table, branch)?.batch ?? from - 1) + 1;
  }
  const main = table.metadata.refs['main'];
  const base = main && ancestors(table, main.snapshotId).find((one) => batchOf(one) === from - 1);
  if (base === undefined && main !== undefined && isFirst(table, main.snapshotId, from))
    throw goneBefore(from, 'it is the first one, and starting over means another name under tables.rollups');
  if (main === undefined || base === undefined)
    throw goneBefore(from, `no commit of batch ${from - 1} is left on main`);
  mustKeepRepairs(table, main.snapshotId, base);
  const state = base.summary[batchKeys.state] ?? '';
  if ((await world.warehouse.head(state)) === undefined)
    throw goneBefore(from, `the state of batch ${from - 1} is gone: ${state}`);
  const digest = base.summary[batchKeys.digest] ?? '';
  mustFitTable(table, config);
  mustFitBatches(await readState(world.warehouse, { batch: from - 1, state, digest }), config);
  const note: ReplayNote = { main: String(main.snapshotId), from };
  const staged = await changeRefs({
    store: world.warehouse,
    table,
    clock: world.clock,
    refs: { [branch]: { type: 'branch', snapshotId: base.snapshotId } },
    properties: { [replayNote(branch)]: JSON.stringify(note) },
  });
  await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
  return from;
}

/**
 * Main becomes what the branch is, and the branch goes, in one swap: the commit point of a replay.
 * @throws CommitConflictError when main is not what it was when the branch was made
 */
export async function closeReplay(options: ReplayOptions): Promise<string> {
  const { world, branch } = options;
  const table = await tableOf(options);
  const head = table.metadata.refs[branch];
  const newest = newestBatch(table, branch);
  if (head === undefined || newest === undefined) throw new UsageError(`there is no branch ${branch}`);
  const main = String(table.metadata.refs['main']?.snapshotId ?? 'none');
  if (noteOf(table, branch)?.main !== main)
    throw new CommitConflictError(`main has moved on since branch ${branch} was made`, {
      details: { main, was: noteOf(table, branch)?.main },
      safe: 'both are as they were',
      next: `partwise cancel --branch ${branch}, then the replay again`,
    });
  const staged = await changeRefs({
    store: world.warehouse,
    table,
    clock: world.clock,
    refs: {
      main: { ...table.metadata.refs['main'], type: 'branch', snapshotId: head.snapshotId },
      [newestBatchTag('main')]: { type: 'tag', snapshotId: BigInt(newest.snapshotId) },
      [branch]: undefined,
      [newestBatchTag(branch)]: undefined,
    },
    properties: { [replayNote(branch)]: undefined },
  });
  await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
  return String(head.snapshotId);
}

/** @throws RepairRefusedError when a repair lies between the base and the head of main */
function mustKeepRepairs(table: Table, main: bigint, base: Snapshot): void {
  const line = ancestors(table, main);
  const since = line.slice(0, line.indexOf(base));
  const repairs = since.filter(({ summary }) => summary[batchKeys.repair] !== undefined);
  const newest = repairs[0];
  if (newest === undefined) return;
  const batch = batchOf(newest) ?? 0;
  throw new RepairRefusedError(
    `a replay from batch ${(batchOf(base) ?? 0) + 1} would be without what ${repairs.length === 1 ? 'a repair has' : `${repairs.length} repairs have`} brought in since, the last after batch ${batch}`,
    {
      details: { repairs: repairs.map(({ summary }) => summary[batchKeys.repair]) },
      safe: 'nothing was changed',
      next: `partwise replay --from-batch ${batch + 1}, or partwise repair points --also FILE instead of the replay`,
    },
  );
}

/** @throws UsageError when there is no table yet */
async function tableOf({ world, config }: ReplayOptions): Promise<Table> {
  const table = await findTable(world, config);
  if (table === undefined) throw new UsageError('no batch has been published yet', { next: 'partwise run' });
  return table;
}

function goneBefore(from: number, why: string): PinnedSnapshotExpiredError {
  return new PinnedSnapshotExpiredError(`batch ${from} cannot be replayed: ${why}`, {
    details: { batch: from },
    safe: 'nothing was changed',
    next: 'a later --from-batch; state.keepFor says how far back that can be',
  });
}

/** Property of the table. */
export function replayNote(branch: string): string {
  return `partwise.replay.${branch}`;
}

function noteOf(table: Table, branch: string): ReplayNote | undefined {
  const text = table.metadata.properties[replayNote(branch)];
  return text === undefined ? undefined : (JSON.parse(text) as ReplayNote);
}

/** Whether all of main's history is there and no batch is before this one. */
function isFirst(table: Table, snapshotId: bigint, number: number): boolean {
  const history = ancestors(table, snapshotId);
  const numbers = history.map(batchOf).filter((one) => one !== undefined);
  return history.at(-1)?.parentSnapshotId === undefined && Math.min(...numbers) === number;
}

function batchOf(snapshot: Snapshot): number | undefined {
  const number = snapshot.summary[batchKeys.batch];
  return number === undefined ? undefined : Number(number);
}
