import { CorruptStateError } from '../../../errors.ts';
import { currentSchema, dataFileFromJson, liveFiles, loadTableAt } from '../../../iceberg/index.ts';
import type { DataFile, ScanFile, Schema } from '../../../iceberg/types.ts';
import type { AuditReport, Plan } from '../../../run/workload.ts';
import { normalizeLocation } from '../../../stores/location.ts';
import type { Location } from '../../../stores/ports.ts';
import { auditFooters } from '../../audit/audit.ts';
import type { RollupAudit } from '../../audit/context.ts';
import { findings } from '../../audit/findings.ts';
import { auditOrder, auditRows } from '../../audit/rows.ts';
import { auditState } from '../../audit/state.ts';
import { openViews, publishedView, stateView } from '../../audit/views.ts';
import { rollupShape } from '../../columns.ts';
import { allParts } from '../../plan/part-range.ts';
import { rulesOf } from '../../rules.ts';
import { readState, type StateFiles } from '../../state/state.ts';
import { tableIdentifier } from '../../tables.ts';
import type { RollupContext } from '../../types.ts';
import { completeRepair, repairOutcome } from '../outcome.ts';
import type { RepairPlanFacts } from '../types.ts';
import { auditChanges } from './changes.ts';
import type { RepairAudit } from './context.ts';
import { auditMerges } from './merges.ts';
import { auditSeries } from './sample.ts';
import { auditSketches } from './sketches.ts';
import { openPointTables, openRowTables } from './views.ts';
import { auditWindows, openWindowPoints } from './windows.ts';

/**
 * The check between work and publish, with statements of its own: what the unit wrote against the points, the kept points,
 * and the table and the state as they were.
 */
export async function auditRepair(context: RollupContext, plan: Plan): Promise<AuditReport> {
  const done = await repairOutcome(context, plan);
  // Uploads cannot be read before they have their names.
  const state = await completeRepair(context, done);
  const { changes } = done.outcome;
  const pinned = plan.pins[0]?.metadataLocation;
  if (pinned === undefined) throw new CorruptStateError(`the plan of ${context.runId} has no table`);
  const table = await loadTableAt({
    store: context.world.warehouse,
    identifier: tableIdentifier(context.config),
    metadataLocation: pinned,
  });
  const facts = plan.workload as RepairPlanFacts;
  const before: ScanFile['file'][] = [];
  const options = { store: context.world.warehouse, table, snapshotId: BigInt(facts.snapshotId) };
  for await (const { file } of liveFiles({ ...options, statistics: false })) before.push(file);
  return await auditChange(context, plan, {
    before,
    schema: currentSchema(table),
    added: changes.flatMap(({ added }) => added.map((file) => dataFileFromJson(file))),
    removed: changes.flatMap(({ removed }) =>
      removed.map((file) => (typeof file === 'string' ? file : file.location)),
    ),
    state,
    series: context.config.audit.sampleSize,
  });
}

export interface ChangeOptions {
  /** Live files before the repair. */
  readonly before: readonly ScanFile['file'][];
  readonly schema: Schema;
  readonly added: readonly DataFile[];
  readonly removed: readonly Location[];
  /** After the repair. */
  readonly state: StateFiles;
  readonly series: number;
}

/** All checks of one repair. */
export async function auditChange(
  context: RollupContext,
  plan: Plan,
  options: ChangeOptions,
): Promise<AuditReport> {
  const { config, world } = context;
  const startedMs = world.clock.now();
  const facts = plan.workload as RepairPlanFacts;
  const stateBefore = await readState(world.warehouse, facts.previous);
  const gone = new Set(options.removed.map(normalizeLocation));
  const removed = options.before.filter(({ location }) => gone.has(normalizeLocation(location)));
  const found = findings();
  await using session = await context.session('audit');
  const common = { context, session, findings: found, rules: rulesOf(config), shape: rollupShape(config) };
  found.checked('replaced files', gone.size);
  if (removed.length !== gone.size)
    found.failed('replaced files', `expected ${gone.size} files of the table, found ${removed.length}`);
  const one = { ...common, ...options, facts, removed, stateBefore, stateAfter: options.state };
  const files = filesAudit(one, options);
  await auditFooters(files, found);
  // What is not there, or has other columns, cannot be read for the other checks.
  if (found.hasFailed()) return found.report({});
  await openViews(files);
  const { warehouse: store } = world;
  for (const kind of ['hot', 'tails', 'part'] as const)
    await stateView(files, `${kind}_now`, kind, options.state[kind], 'true');
  await publishedView({ session, shape: one.shape, store, name: 'gone', files: removed });
  await auditRows(files);
  await auditOrder(files, { check: 'sorted rows', view: 'published', by: ['l0', 'id', 'w'] });
  await auditState(files);
  await openPointTables(one);
  await auditChanges(one);
  await openRowTables(one);
  await openWindowPoints(one);
  await auditWindows(one);
  await auditMerges(one);
  await auditSketches(one);
  const series = await auditSeries(one);
  return found.report({ sampledSeries: series, elapsedMs: world.clock.now() - startedMs });
}

/**
 * The repair as the checks of a batch's files see it: one that publishes up to where all is closed, with no other state
 * than what it has written.
 */
function filesAudit(one: RepairAudit, { schema }: ChangeOptions): RollupAudit {
  const { facts, stateBefore, stateAfter, added } = one;
  const nothing: StateFiles = { hot: [], tails: [], part: [] };
  return {
    ...one,
    facts: {
      ...facts,
      flush: false,
      closedBeforeMs: null,
      closedAfterMs: facts.closedThroughMs,
      points: 0,
      refused: 0,
      lateness: [],
      files: 0,
      sources: facts.points,
      carried: nothing,
    },
    range: allParts(facts),
    counted: { points: 0, refused: 0 },
    sources: [],
    added,
    fields: schema.fields,
    before: stateBefore,
    written: writtenState(stateBefore, stateAfter),
    carried: nothing,
    reported: undefined,
    sample: { series: one.series, points: 0, counted: 0 },
  };
}

function writtenState(before: StateFiles, after: StateFiles): StateFiles {
  const written = (kind: keyof StateFiles) => {
    const known = new Set(before[kind].map(({ location }) => location));
    return after[kind].filter(({ location }) => !known.has(location));
  };
  return { hot: written('hot'), tails: written('tails'), part: written('part') };
}
