import { cellFilter, currentSchema, type PartitionFilter, type Table } from '../../iceberg/index.ts';
import { publishTables } from '../../run/publish/commit-set.ts';
import type { TargetTable } from '../../run/publish/table-change.ts';
import type { Plan, Published } from '../../run/workload.ts';
import { monthText } from '../sql/months.ts';
import { targetTables } from '../tables/tables.ts';
import type { RewriteTask } from '../tasks/tasks.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';
import { rewriteFacts } from './target.ts';
import { compareStage, type RewriteOutcome } from './types.ts';

/** What a rewrite has done, for people; kept as `facts.rewrite` of the run. */
export interface Rewritten {
  readonly kind: RewriteTask['kind'];
  /** N of the buckets before and after. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Snapshot summary key of a commit that only put rows into other files: `compaction`, or the two numbers of buckets. */
const rewriteKey = 'partwise.rewrite';

/**
 * Publishes the new files of all tables as one commit set of `replace` snapshots; with another number of buckets, tables without
 * rows get the new spec, too.
 * @throws CommitConflictError when another writer changed what was rewritten: plan again
 */
export async function publishRewrite(
  context: SummaryContext,
  plan: Plan,
  task: RewriteTask,
): Promise<Published> {
  const { config, world } = context;
  const { from, to, specs } = rewriteFacts(plan);
  const isRebucket = task.kind === 'rebucket';
  const total = { rows: 0, filesBefore: 0, filesAfter: 0, bytesBefore: 0, bytesAfter: 0 };
  const published = await publishTables({
    context,
    plan,
    idleStages: [compareStage],
    heard: (_stage, { outcome }) => {
      const { rows, files } = outcome as RewriteOutcome;
      total.rows += rows;
      total.filesBefore += files.before;
      total.filesAfter += files.after;
      total.bytesBefore += files.bytesBefore;
      total.bytesAfter += files.bytesAfter;
    },
    targets: targetTables(config, world.warehouse.root).filter(
      ({ role }) => specs[role as keyof typeof specs] !== undefined,
    ),
    ...(isRebucket ? {} : { readPartitions: (target, table) => readCells(context, plan, target, table) }),
    commit: {
      summary: { [rewriteKey]: isRebucket ? `${from} to ${to} buckets` : 'compaction' },
      operation: 'replace',
      specs,
      evenIfEmpty: isRebucket,
    },
  });
  const rewrite: Rewritten = { kind: task.kind, from, to, ...total };
  return { ...published, facts: { ...published.facts, rewrite } };
}

/** Every cell of the buckets and months between the first and the last that were rewritten. */
function readCells(
  { config }: SummaryContext,
  plan: Plan,
  { role }: TargetTable,
  table: Table,
): PartitionFilter {
  const { touchedBuckets, firstMonth, lastMonth, buckets } = plan.workload as SummaryPlanFacts;
  const months = { column: config.month, from: monthText(firstMonth), to: monthText(lastMonth) };
  return cellFilter({
    schema: currentSchema(table),
    ...(role === 'summary' && firstMonth > 0 ? { month: months } : {}),
    bucket: { column: config.key, count: buckets, values: touchedBuckets },
  });
}
