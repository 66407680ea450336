import { liveDeleteFiles, liveFiles } from '../../iceberg/index.ts';
import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { scanned } from '../../upkeep/live-rows.ts';
import { emptyDigest, type StateDigest, withLine } from '../audit/digest.ts';
import { type Findings, findings } from '../audit/findings.ts';
import { pinnedTables, stateFileOf, type TableState } from '../audit/state.ts';
import { type Role, roles } from '../tables/tables.ts';
import type { RewriteTask } from '../tasks/tasks.ts';
import type { SummaryContext } from '../types.ts';
import { rewriteFacts } from './target.ts';
import { type CompareOutcome, compareStage, type RewriteOutcome, rewriteStage } from './types.ts';

/** What the units of the run say, by table. */
interface Told {
  readonly removed: Set<Location>;
  readonly removedDeletes: Set<Location>;
  removedTwice: number;
  added: number;
  rowsWritten: number;
  rowsCompared: number;
  digest: StateDigest;
}

/**
 * The check between the work of a rewrite and its publish. That each unit has kept its rows was found by the units of
 * `compare`; here the manifests say whether these units looked at all files that go, each with its delete files, and
 * whether nothing stays that should have gone.
 */
export async function auditRewrite(
  context: SummaryContext,
  plan: Plan,
  task: RewriteTask,
): Promise<AuditReport> {
  const found = findings();
  const tables = await pinnedTables(context, plan);
  const told = await gather(context, plan, found);
  for (const role of roles)
    await auditTable({ context, plan, task, found, state: tables[role], told: told[role] });
  return found.report({ rows: roles.reduce((sum, role) => sum + told[role].rowsCompared, 0) });
}

async function gather(
  context: SummaryContext,
  plan: Plan,
  found: Findings,
): Promise<Readonly<Record<Role, Told>>> {
  const empty = (): Told => ({
    removed: new Set(),
    removedDeletes: new Set(),
    removedTwice: 0,
    added: 0,
    rowsWritten: 0,
    rowsCompared: 0,
    digest: emptyDigest,
  });
  const told = { summary: empty(), latest: empty(), tombstones: empty() };
  for (const stage of plan.stages)
    for await (const { result } of checkpointsOf(context, stage)) {
      if (stage.name === rewriteStage) {
        const { role, changes, rows } = result.outcome as RewriteOutcome;
        const of = told[role];
        of.rowsWritten += rows;
        for (const { added, addedDeletes, removed, removedDeletes } of changes) {
          of.added += added.length + addedDeletes.length;
          for (const file of removed) {
            const location = locationOf(file);
            if (of.removed.has(location)) of.removedTwice += 1;
            of.removed.add(location);
          }
          for (const file of removedDeletes) of.removedDeletes.add(locationOf(file));
        }
      }
      if (stage.name === compareStage) {
        const { role, rows, digest, checks } = result.outcome as CompareOutcome;
        const of = told[role];
        of.rowsCompared += rows;
        of.digest = together(of.digest, digest);
        found.take(checks);
      }
    }
  return told;
}

interface TableOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly task: RewriteTask;
  readonly found: Findings;
  readonly state: TableState;
  readonly told: Told;
}

async function auditTable({ context, plan, task, found, state, told }: TableOptions): Promise<void> {
  const { role, table, snapshotId } = state;
  if (told.rowsWritten !== told.rowsCompared)
    found.failed(
      'row balance',
      `${role}: ${told.rowsCompared} rows were to go, ${told.rowsWritten} were written`,
    );
  if (told.removedTwice > 0)
    found.failed('file counts', `${role}: ${told.removedTwice} files were rewritten by two units`);
  if (table === undefined) return;
  const scan = { store: context.world.warehouse, table, snapshotId, statistics: false };
  const target = rewriteFacts(plan).specs[role]?.specId;
  const goes = (specId: number) => task.kind === 'rebucket' && specId !== target;
  const missing = new Set(told.removed);
  let digest = emptyDigest;
  for await (const one of liveFiles(scan)) {
    const file = stateFileOf(role, one.file, scanned(one).deletes);
    found.checked('checked files', 1);
    if (missing.delete(file.location)) {
      digest = withLine(digest, { kind: 'before', role, file });
      continue;
    }
    if (goes(one.file.specId)) found.failed('checked files', `${role} ${file.location}: was not rewritten`);
    const lost = file.deletes.find((location) => told.removedDeletes.has(location));
    if (lost !== undefined)
      found.failed(
        'position deletes',
        `${role} ${lost}: goes, and ${file.location} stays, of which it deletes rows`,
      );
  }
  if (missing.size > 0)
    found.failed(
      'checked files',
      `${role}: ${missing.size} files were rewritten that were not live, such as ${[...missing][0]}`,
    );
  if (digest.lines !== told.digest.lines || digest.sum !== told.digest.sum)
    found.failed(
      'checked files',
      `${role}: ${told.digest.lines} files were compared, ${digest.lines} go, or other delete files apply to them`,
    );
  for await (const { file } of liveDeleteFiles(scan)) {
    found.checked('position deletes', 1);
    if (goes(file.specId) && !told.removedDeletes.has(normalizeLocation(file.location)))
      found.failed('position deletes', `${role} ${file.location}: stays, and the files that it is for go`);
  }
}

function together(a: StateDigest, b: StateDigest): StateDigest {
  return { lines: a.lines + b.lines, sum: (a.sum + b.sum) % 2 ** 48 };
}

function locationOf(file: string | { readonly location: Location }): Location {
  return normalizeLocation(typeof file === 'string' ? file : file.location);
}
