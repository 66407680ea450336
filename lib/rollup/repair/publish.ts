import { parseDurationMs } from '../../config/sizes.ts';
import { CommitConflictError, CorruptStateError } from '../../errors.ts';
import { type Table, validateNoConflicts } from '../../iceberg/index.ts';
import { sha256 } from '../../run/layout.ts';
import { publishTables } from '../../run/publish/commit-set.ts';
import type { Plan, Published } from '../../run/workload.ts';
import { joinLocation, normalizeLocation } from '../../stores/location.ts';
import { newestBatch } from '../batch.ts';
import { mustFollow } from '../plan/plan.ts';
import { startOfBatch } from '../plan/start.ts';
import { rulesOf } from '../rules.ts';
import { batchFolder } from '../state/folder.ts';
import {
  type AppliedRepair,
  batchKeys,
  newestBatchTag,
  type RollupState,
  type StateFiles,
  stateText,
} from '../state/state.ts';
import { targetTable } from '../tables.ts';
import type { RollupContext } from '../types.ts';
import { completeRepair, repairOutcome } from './outcome.ts';
import type { RepairReport } from './report.ts';
import type { RepairOutcome, RepairPlanFacts } from './types.ts';

/**
 * State files get their names, the amended state says which they are, then one commit takes the old data files out and the
 * new ones in, and names the state: for readers and for the next batch all of the repair is there at once. The
 * snapshot is of the newest batch once more.
 * @throws BatchOrderError when the table is not at the batch that the repair was planned on
 * @throws CommitConflictError when another writer has replaced a file that the repair replaces: plan again
 */
export async function publishRepair(context: RollupContext, plan: Plan): Promise<Published> {
  const facts = plan.workload as RepairPlanFacts;
  const { warehouse, step } = context.world;
  const done = await repairOutcome(context, plan);
  const { outcome } = done;
  const files = await completeRepair(context, done);
  await step('state-committed');
  const text = stateText(await repairedState(context, facts, outcome, files));
  const digest = sha256(text);
  const location = joinLocation(batchFolder(context), `state-${digest.slice(0, 16)}.json`);
  await warehouse.write(location, new TextEncoder().encode(text), { overwrite: true });
  await step('state-written');
  const published = await publishTables({
    context,
    plan,
    targets: [targetTable(context.config, rulesOf(context.config), warehouse.root)],
    commit: {
      summary: {
        [batchKeys.batch]: String(facts.batch),
        [batchKeys.state]: location,
        [batchKeys.digest]: digest,
        [batchKeys.input]: facts.input,
        [batchKeys.repair]: context.runId,
      },
      tag: newestBatchTag(context.branch),
      evenIfEmpty: true,
    },
    validate: async (_target, table) => {
      mustFollow(context, newestBatch(table, context.branch), facts.previous);
      if (table !== undefined) await mustBeUntouched(context, table, facts, outcome);
    },
  });
  return { ...published, facts: { ...published.facts, repair: reportOf(facts, outcome, digest) } };
}

/** Nothing but compactions of other files since the plan. */
async function mustBeUntouched(
  context: RollupContext,
  table: Table,
  { snapshotId }: RepairPlanFacts,
  outcome: RepairOutcome,
): Promise<void> {
  const { replacedFiles } = await validateNoConflicts({
    store: context.world.warehouse,
    table,
    sinceSnapshotId: BigInt(snapshotId),
    branch: context.branch,
  });
  const replaced = new Set(replacedFiles.map(normalizeLocation));
  const lost = outcome.changes
    .flatMap(({ removed }) => removed)
    .map((file) => (typeof file === 'string' ? file : file.location))
    .filter((location) => replaced.has(normalizeLocation(location)));
  if (lost.length === 0) return;
  throw new CommitConflictError(`${lost.length} files that the repair rewrites were compacted meanwhile`, {
    details: { files: lost.slice(0, 20), replan: true },
    safe: 'nothing was published',
    next: `partwise resume ${context.runId}`,
  });
}

async function repairedState(
  context: RollupContext,
  facts: RepairPlanFacts,
  outcome: RepairOutcome,
  files: StateFiles,
): Promise<RollupState> {
  const { state } = await startOfBatch(context);
  if (state === undefined) throw new CorruptStateError(`run ${context.runId} is no repair`);
  const later = (a: number | null, b: number | null) => (a === null || (b !== null && b > a) ? b : a);
  const own: AppliedRepair = {
    runId: context.runId,
    batch: facts.batch,
    plannedMs: facts.plannedMs,
    points: facts.points,
    ...(facts.repair.late === undefined ? {} : { late: facts.repair.late }),
  };
  // Points and dead letters are kept no longer than a run can be resumed: by then nobody asks for either.
  const keptMs = facts.plannedMs - 2 * parseDurationMs(context.config.resumeHorizon);
  return {
    ...state,
    runId: context.runId,
    hashProbe: facts.hashProbe,
    newestHotMs: later(state.newestHotMs, outcome.newestHotMs),
    newestPartMs: later(state.newestPartMs, outcome.newestPartMs),
    hot: files.hot,
    tails: files.tails,
    part: files.part,
    repairs: [...(state.repairs ?? []).filter((one) => one.plannedMs >= keptMs), own],
  };
}

function reportOf(facts: RepairPlanFacts, outcome: RepairOutcome, digest: string): RepairReport {
  const { points, windows, files } = outcome;
  return { batch: facts.batch, late: facts.repair.late, points, windows, files, stateDigest: digest };
}
