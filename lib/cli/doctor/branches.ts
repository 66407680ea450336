import { ancestors, loadTable, type Table } from '../../iceberg/index.ts';
import { plural } from '../../report/format.ts';
import { isOnMain, openBranchRuns, publishedTables, settleReached } from '../../run/publish/branches.ts';
import type { World } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { Finding } from './finding.ts';

/** Branches that hold what main does not have, or that a crash left half ended. */
export async function checkBranches(
  world: World,
  pipeline: string,
  runs: readonly RunRecord[],
): Promise<readonly Finding[]> {
  await settleReached(world, pipeline);
  const tables: Table[] = [];
  const own = runs.filter((run) => run.pipeline === pipeline);
  for (const identifier of publishedTables(own))
    if ((await world.catalog.current(identifier)) !== undefined)
      tables.push(await loadTable({ store: world.warehouse, catalog: world.catalog, identifier }));
  const open = Map.groupBy(await openBranchRuns(world, pipeline), (run) => run.branch);
  const ours = new Set(own.map((run) => run.branch));
  const names = new Set([
    ...open.keys(),
    ...tables.flatMap((table) => branchNames(table)).filter((name) => ours.has(name)),
  ]);
  return [...names].sort().map((branch) => ({
    status: 'look',
    name: 'branch',
    ...finding(branch, open.get(branch)?.length ?? 0, tables),
  }));
}

function finding(
  branch: string,
  runs: number,
  tables: readonly Table[],
): { readonly detail: string; readonly next: string } {
  const holding = tables.filter((table) => branchNames(table).includes(branch));
  const held = `branch ${branch}: ${plural(runs, 'run')} went to it and not to main`;
  if (holding.length === 0)
    return { detail: `${held}, and it is gone from the tables`, next: `partwise cancel --branch ${branch}` };
  if (holding.every((table) => isOnMain(table, branch)))
    return { detail: `branch ${branch}: main has all of it`, next: `partwise switch ${branch}` };
  if (holding.every((table) => canMoveTo(table, branch)))
    return { detail: held, next: `partwise switch ${branch}` };
  return { detail: `${held}, which has moved on since`, next: `partwise cancel --branch ${branch}` };
}

function branchNames(table: Table): readonly string[] {
  return Object.entries(table.metadata.refs).flatMap(([name, ref]) =>
    ref.type === 'branch' && name !== 'main' ? [name] : [],
  );
}

function canMoveTo(table: Table, branch: string): boolean {
  const main = table.metadata.refs['main'];
  const head = table.metadata.refs[branch];
  if (main === undefined || head === undefined) return head !== undefined;
  return ancestors(table, head.snapshotId).some((snapshot) => snapshot.snapshotId === main.snapshotId);
}
