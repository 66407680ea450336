import { CorruptStateError } from '../../errors.ts';
import { publishTables } from '../../run/publish/commit-set.ts';
import { commitRecord, followsProperty } from '../../run/publish/roll-forward.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { Plan, Published } from '../../run/workload.ts';
import { bucketFilter } from '../plan/files.ts';
import { tableIdentifier, targetTables } from '../tables/tables.ts';
import type { RepairLatestTask } from '../tasks/tasks.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';
import { deviationKinds } from './sql.ts';
import { repairedKey } from './suspects.ts';
import { repairTables } from './tables.ts';
import type { RepairOutcome } from './unit.ts';

/**
 * Publishes the new rows of latest: one commit, none when no key deviated. Its snapshot says of which snapshot of summary
 * they are the latest rows; a change of another writer in the compared buckets of summary since then is a conflict.
 */
export async function publishRepair(
  context: SummaryContext,
  plan: Plan,
  task: RepairLatestTask,
): Promise<Published> {
  const { config, world } = context;
  const facts = plan.workload as SummaryPlanFacts;
  const buckets = new Set(facts.touchedBuckets);
  const targets = targetTables(config, world.warehouse.root);
  const { summary } = await repairTables(world, config);
  const record = commitRecord(summary, context.branch);
  const total = tally();
  const published = await publishTables({
    context,
    plan,
    heard: (_stage, { outcome }) => total.add(outcome as RepairOutcome),
    targets: targets.filter(({ role }) => role === 'latest'),
    readOnly: targets.filter(({ role }) => role === 'summary'),
    readPartitions: (_target, table) =>
      bucketFilter({ table, key: config.key, count: facts.buckets, buckets }),
    commit: {
      summary: {
        [repairedKey]: typeof task.buckets === 'string' ? task.buckets : 'some',
        [commitKeys.summarySnapshotId]: summaryPin(context, plan),
      },
      // The lease keeps every other publish away, so the newest record is the one that was planned on.
      ...(record === undefined
        ? {}
        : { properties: { [followsProperty(context.branch)]: String(record.snapshotId) } }),
    },
  });
  return { ...published, facts: { ...published.facts, latestRepair: total.repaired() } };
}

/** What a repair has found and done, for people; kept as `facts.latestRepair` of the run. */
export interface Repaired {
  readonly buckets: number;
  readonly bucketsWritten: number;
  readonly keys: number;
  readonly rowsWritten: number;
  /** Deviating keys by kind. */
  readonly kinds: Readonly<Record<string, number>>;
}

function tally() {
  const total = { buckets: 0, bucketsWritten: 0, keys: 0, rowsWritten: 0 };
  const kinds: Record<string, number> = Object.fromEntries(deviationKinds.map((kind) => [kind, 0]));

  function add({ found, written, changes }: RepairOutcome): void {
    total.buckets += 1;
    total.bucketsWritten += changes.length > 0 ? 1 : 0;
    total.keys += found.keys;
    total.rowsWritten += written;
    for (const kind of deviationKinds) kinds[kind] = (kinds[kind] ?? 0) + found.kinds[kind];
  }

  return { add, repaired: (): Repaired => ({ ...total, kinds }) };
}

function summaryPin(context: SummaryContext, plan: Plan): string {
  const { namespace, name } = tableIdentifier(context.config, 'summary');
  const pin = plan.pins.find((one) => one.table === `${namespace}.${name}`)?.snapshotId;
  if (pin !== undefined) return pin;
  throw new CorruptStateError(`the plan of ${plan.runId} pins no snapshot of ${namespace}.${name}`);
}
