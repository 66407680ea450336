import { ancestors, loadTable, type Table } from '../../iceberg/index.ts';
import type { IntakeItem, IntakeOutcome, RunRecord, TableIdentifier } from '../../stores/ports.ts';
import type { Batch } from '../intake/batch.ts';
import { identifierOf } from '../plan/pins.ts';
import type { World } from '../workload.ts';

/**
 * Where the files of a branch's runs are applied. An intake item says only that a run is done with it; the run says
 * to which branch, and whether that branch has since become main (`facts.switchedMs`) or was given up
 * (`facts.droppedMs`). So a switch settles a few runs, however many files they took, and needs no port of its own.
 *
 * A switch moves main first, then settles, then removes the branch: until the branch is gone its head pins what
 * shows that main has it, so whoever comes after a crash in between can settle.
 */
export type BranchEnd = 'switched' | 'dropped';

export function branchEnd(run: RunRecord): BranchEnd | undefined {
  if (run.facts['switchedMs'] !== undefined) return 'switched';
  return run.facts['droppedMs'] === undefined ? undefined : 'dropped';
}

/** Whether what the run published is in the branch. Main is in every branch, as far as intake is concerned. */
export function isAppliedTo(run: RunRecord, branch: string): boolean {
  if (run.status !== 'succeeded') return false;
  if (run.branch === 'main' || branchEnd(run) === 'switched') return true;
  return run.branch === branch && branchEnd(run) === undefined;
}

/** Published runs of branches that are neither main by now nor given up, newest first. */
export async function openBranchRuns(
  world: World,
  pipeline: string,
  branch?: string,
): Promise<readonly RunRecord[]> {
  const runs = await world.state.runs.list(pipeline, Number.MAX_SAFE_INTEGER);
  return runs.filter(
    (run) =>
      run.status === 'succeeded' &&
      run.branch !== 'main' &&
      (branch === undefined || run.branch === branch) &&
      branchEnd(run) === undefined,
  );
}

/**
 * Notes that main is what the branch was: the files of its runs are applied on main, and runs that they replayed were
 * replaced. Idempotent.
 */
export async function settleSwitched(world: World, runs: readonly RunRecord[]): Promise<void> {
  for (const run of runs) {
    await note(world, run, { switchedMs: world.clock.now() });
    const [replaced] = (run.facts['batch'] as Batch | undefined)?.replays ?? [];
    const before = replaced === undefined ? undefined : await world.state.runs.get(replaced);
    if (before !== undefined) await note(world, before, { replacedBy: run.runId });
  }
}

/** Gives the files of a branch that is gone back to the intake. Returns how many wait again. Idempotent. */
export async function settleDropped(world: World, runs: readonly RunRecord[]): Promise<number> {
  let files = 0;
  for (const run of runs) {
    const outcomes: IntakeOutcome[] = [];
    for await (const item of world.state.intake.list(run.pipeline, { runId: run.runId, status: 'done' }))
      outcomes.push({ location: item.location, version: item.version, status: 'pending' });
    await world.state.intake.settle(run.runId, outcomes);
    files += outcomes.length;
    await note(world, run, { droppedMs: world.clock.now() });
  }
  return files;
}

/** Makes an item that a run is done with pending again; of two at once one does, since the item leaves the run. */
export async function reopen(world: World, { runId, location, version }: IntakeItem): Promise<void> {
  if (runId !== undefined) await world.state.intake.settle(runId, [{ location, version, status: 'pending' }]);
}

/** Settles runs whose branch main has reached without anyone noting it: by a crash, or by another engine. */
export async function settleReached(world: World, pipeline: string): Promise<void> {
  const reached: RunRecord[] = [];
  for (const run of await openBranchRuns(world, pipeline)) if (await isReached(world, run)) reached.push(run);
  await settleSwitched(world, reached);
}

async function isReached(world: World, run: RunRecord): Promise<boolean> {
  for (const { table: name, snapshotId } of publishedOf(run)) {
    const identifier = identifierOf(name);
    if ((await world.catalog.current(identifier)) === undefined) continue;
    const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
    if (isOnMain(table, run.branch) || isAncestorOfMain(table, BigInt(snapshotId))) return true;
  }
  return false;
}

/** Whether the head of the branch is main's, or one that main has gone on from. */
export function isOnMain(table: Table, branch: string): boolean {
  const head = table.metadata.refs[branch];
  return head !== undefined && isAncestorOfMain(table, head.snapshotId);
}

function isAncestorOfMain(table: Table, snapshotId: bigint): boolean {
  const main = table.metadata.refs['main'];
  if (main === undefined) return false;
  return ancestors(table, main.snapshotId).some((snapshot) => snapshot.snapshotId === snapshotId);
}

/** Tables that any of the runs has published to. */
export function publishedTables(runs: readonly RunRecord[]): readonly TableIdentifier[] {
  return [...new Set(runs.flatMap(publishedOf).map((one) => one.table))].sort().map(identifierOf);
}

function publishedOf(run: RunRecord): readonly { readonly table: string; readonly snapshotId: string }[] {
  const published = run.facts['published'];
  return Array.isArray(published) ? published : [];
}

async function note(
  world: World,
  run: RunRecord,
  facts: Readonly<Record<string, number | string>>,
): Promise<void> {
  const now = await world.state.runs.get(run.runId);
  await world.state.runs.update(run.runId, { facts: { ...now?.facts, ...facts } });
}
