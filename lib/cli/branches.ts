import type { PipelineConfig } from '../config/index.ts';
import { CommitConflictError, UsageError } from '../errors.ts';
import {
  changeRefs,
  commitStaged,
  type SnapshotRef,
  type StagedCommit,
  type Table,
} from '../iceberg/index.ts';
import { replayNote } from '../rollup/replay.ts';
import { newestBatchTag } from '../rollup/state/state.ts';
import type { LocalWorld } from '../run/local/local-world.ts';
import {
  branchEnd,
  isOnMain,
  openBranchRuns,
  settleDropped,
  settleReached,
  settleSwitched,
} from '../run/publish/branches.ts';
import { rollForward } from '../run/publish/roll-forward.ts';
import { moveMain } from '../run/publish/switch-main.ts';
import { commitKeys } from '../run/publish/table-change.ts';
import type { RunRecord } from '../stores/ports.ts';
import { isUnfinished } from './session.ts';
import { fullName, loadTogether, tablesOf } from './tables.ts';

/** What becomes of a branch. Each may die between two of its steps: the same again finishes it. */

interface BranchOptions {
  readonly world: LocalWorld;
  readonly config: PipelineConfig;
  readonly branch: string;
}

/**
 * Main becomes what the branch is: the swap is the commit point, then the files of its runs are noted as applied to
 * main, then the branch goes.
 * @throws UsageError (no such branch), CommitConflictError (main has moved on)
 */
export async function switchToBranch(options: BranchOptions): Promise<readonly Table[]> {
  const { world, config, branch } = options;
  const stores = { store: world.warehouse, catalog: world.catalog, clock: world.clock };
  // What a run left half done on the branch belongs to what main becomes.
  await rollForward({ ...stores, tables: tablesOf(config).map((one) => one.identifier) });
  const tables = await tablesOn(options);
  if (tables.length === 0) {
    throw new UsageError(`no table of ${config.pipeline} has a branch ${branch}`, {
      next: `partwise run FILE --branch ${branch}`,
    });
  }
  if (!tables.every((table) => isOnMain(table, branch)))
    await moveMain(stores, tables, branch, newestBatchOf).catch((cause: unknown) => {
      throw cause instanceof CommitConflictError ? movedOn(branch, cause) : cause;
    });
  await world.step('switched');
  await settleSwitched(world, await openBranchRuns(world, config.pipeline, branch));
  // Loaded again: a catalog may have written metadata of its own.
  const published = await tablesOn(options);
  await removeBranch(options, published);
  return published;
}

function movedOn(branch: string, cause: CommitConflictError): CommitConflictError {
  return new CommitConflictError(`main has moved on since branch ${branch} was made`, {
    cause,
    details: cause.details,
    safe: 'both are as they were',
    next: `partwise run FILE, which takes a file of the branch to main; or partwise cancel --branch ${branch}, then partwise run for all of them`,
  });
}

/**
 * Gives a branch up: it goes from the tables, and the files of its runs wait for the next run. Returns their number.
 * @throws UsageError when there is no such branch, when a run on it has not ended, or when main has it already
 */
export async function giveUpBranch(options: BranchOptions): Promise<number> {
  const { world, config, branch } = options;
  const unfinished = (await world.state.runs.list(config.pipeline, Number.MAX_SAFE_INTEGER)).find(
    (run) => run.branch === branch && isUnfinished(run),
  );
  if (unfinished !== undefined) {
    throw new UsageError(`${unfinished.runId} to branch ${branch} has not ended`, {
      safe: 'the branch is as it was',
      next: `partwise cancel ${unfinished.runId}`,
    });
  }
  await settleReached(world, config.pipeline);
  const tables = await tablesOn(options);
  const runs = await openBranchRuns(world, config.pipeline, branch);
  if (tables.length === 0 && runs.length === 0)
    throw new UsageError(`no table of ${config.pipeline} has a branch ${branch}`, { next: 'partwise runs' });
  await removeBranch(options, tables);
  await world.step('dropped');
  return settleDropped(world, runs);
}

/** The run's branch and what became of it. @example branchText(run) // 'check, now main' */
export function branchText(run: RunRecord): string {
  const end = branchEnd(run);
  if (end === undefined) return run.branch;
  return `${run.branch}, ${end === 'switched' ? 'now main' : 'given up'}`;
}

/** The pipeline's tables that have the branch. */
async function tablesOn({ world, config, branch }: BranchOptions): Promise<readonly Table[]> {
  const known = new Set((await world.catalog.list()).map(fullName));
  const identifiers = tablesOf(config)
    .map((one) => one.identifier)
    .filter((one) => known.has(fullName(one)));
  return (await loadTogether(world, identifiers)).filter((table) =>
    Object.hasOwn(table.metadata.refs, branch),
  );
}

/** With what follows the branch: the tag of its newest batch, a replay's note, and the record of the switch. */
async function removeBranch({ world, branch }: BranchOptions, tables: readonly Table[]): Promise<void> {
  const { warehouse: store, catalog, clock } = world;
  const refs = { [branch]: undefined, [newestBatchTag(branch)]: undefined };
  const properties = { [replayNote(branch)]: undefined, [commitKeys.switch]: undefined };
  const staged: StagedCommit[] = [];
  for (const table of tables) staged.push(await changeRefs({ store, table, clock, refs, properties }));
  if (staged.length > 0) await commitStaged({ store, catalog, staged });
}

/** The tag of the newest batch goes with main. */
function newestBatchOf(table: Table, branch: string): Readonly<Record<string, SnapshotRef>> {
  const newest = table.metadata.refs[newestBatchTag(branch)];
  return newest === undefined ? {} : { [newestBatchTag('main')]: newest };
}
