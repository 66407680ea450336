import type { EngineSession } from '../engine/engine.ts';
import { CorruptStateError } from '../errors.ts';
import { readCheckpoint } from '../run/checkpoints.ts';
import type { Plan, UnitItem, UnitResult } from '../run/workload.ts';
import type { Location } from '../stores/ports.ts';
import { applyGroup, type ChangedMonth } from './apply-group.ts';
import { type SummaryShape, summaryShape } from './columns.ts';
import { mergeChanges } from './file-changes.ts';
import { openFiles } from './reading.ts';
import type { GroupResult } from './rewrite-group.ts';
import { changedMonths, loadChanges } from './sql/apply.ts';
import { listsFromChanges } from './sql/patch.ts';
import { stopwatch } from './stopwatch.ts';
import { type UnitTable, unitTable } from './tables-io.ts';
import type { ApplyGroup, ApplyOutcome, ApplySpec, ResolveOutcome, SummaryContext } from './types.ts';

/** One unit of the stage `apply`: brings the change sets of its buckets into the stored rows of its files. */
export async function applyUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ApplySpec,
): Promise<UnitResult> {
  const shape = summaryShape(context.config);
  const clock = stopwatch(context.world.clock);
  const table = await unitTable(context, plan, 'summary');
  await using session = await context.session(`${item.stage}-${item.unit}`);
  // Joins are built on their right side as written, the change set. The optimizer's guess is the rows of the file,
  // wide and many.
  await session.execute("SET disabled_optimizers = 'build_side_probe_side'");
  const name = `${context.runId}-${item.unit}`;
  const results: GroupResult[] = [];
  for (const { bucket, unit } of spec.resolve) {
    const changeSet = await changeSetOf(context, unit);
    const groups = spec.groups.filter((group) => group.bucket === bucket);
    results.push(...(await applyGroups({ context, session, shape, table, name, bucket, groups, changeSet })));
    clock.lap('apply');
  }
  const outcome: ApplyOutcome = {
    stage: 'apply',
    changes: mergeChanges(results.map((result) => result.change)),
    files: results.flatMap((result) => result.files),
    groups: results.flatMap((result) => (result.rewritten === undefined ? [] : [result.rewritten])),
    elapsedMs: clock.laps(),
  };
  const rows = outcome.files.reduce((sum, file) => sum + file.rowsChanged, 0);
  const bytes = spec.groups.reduce(
    (sum, group) => sum + group.files.reduce((a, file) => a + file.sizeBytes, 0),
    0,
  );
  return { rows, bytes, outcome };
}

async function changeSetOf(context: SummaryContext, unit: string): Promise<Location | undefined> {
  const record = await context.world.state.checkpoints.get(context.runId, 'resolve', unit);
  if (record === undefined) {
    throw new CorruptStateError(`unit ${unit} of stage resolve has no checkpoint`, {
      safe: 'the tables are untouched',
      next: `partwise resume ${context.runId}`,
    });
  }
  const result = await readCheckpoint(context, record);
  return (result.outcome as ResolveOutcome).changeSet;
}

interface BucketGroups {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly table: UnitTable;
  readonly name: string;
  readonly bucket: number;
  readonly groups: readonly ApplyGroup[];
  readonly changeSet: Location | undefined;
}

/** The groups of one bucket, one after the other. */
async function applyGroups(options: BucketGroups): Promise<readonly GroupResult[]> {
  const { context, session, shape, table, groups, changeSet, bucket } = options;
  const set = await openFiles({
    session,
    store: context.world.warehouse,
    name: `pw_files${bucket}`,
    schema: table.schema,
    files: groups.flatMap((group) => group.files),
  });
  let changed: readonly ChangedMonth[] = [];
  if (changeSet !== undefined) {
    const months = groups.map((group) => group.month);
    const path = await context.world.results.localPath(changeSet);
    await session.execute(loadChanges(path, Math.min(...months), Math.max(...months), shape.historyLength));
    await session.execute(listsFromChanges(shape));
    changed = (await session.query(changedMonths)).map((row) => ({
      month: Number(row['pw_month']),
      sets: Number(row['pw_sets']) > 0,
      owns: Number(row['pw_owns']) > 0,
    }));
  }
  const results: GroupResult[] = [];
  for (const group of groups) {
    if (context.signal.aborted) throw context.signal.reason;
    results.push(await applyGroup({ ...options, set, group, changed }));
  }
  return results;
}
