import { currentSnapshot, currentSpec, type PartitionSpec, type Table } from '../../iceberg/index.ts';
import type { Plan } from '../../run/workload.ts';
import { unitLimit } from '../plan/unit-limit.ts';
import { monthText } from '../sql/months.ts';
import { refuseFarBuckets } from '../tables/far-buckets.ts';
import { type Role, roles } from '../tables/tables.ts';
import { type TaskTables, taskPlan, taskTables } from '../tasks/plan.ts';
import type { CompactTask, RebucketTask } from '../tasks/tasks.ts';
import type { RewriteFacts, SummaryContext } from '../types.ts';
import { refuseCount, refuseForeign, refuseRebucket } from './refuse.ts';
import { pieceRouter } from './route.ts';
import { spreadClasses } from './spread.ts';
import { bucketsSpec } from './target.ts';
import { compareStage, type RewritePiece, rewriteStage } from './types.ts';
import { compareUnits, pieceBytes, rewriteUnits } from './units.ts';
import { wornCells } from './worn.ts';

/**
 * Plans a change of the number of buckets from manifests: every live file is read once and written for the new number. No
 * data file is opened.
 * @throws UsageError when a run or a branch stands in the way, or another system has made the table
 */
export async function planRebucket(context: SummaryContext, task: RebucketTask): Promise<Plan> {
  const { world, config, runId } = context;
  const tables = await taskTables(context);
  refuseForeign(tables.summary);
  const to = task.buckets;
  refuseCount(to);
  await refuseRebucket({ world, config, tables: tables.all.values(), runId });
  const specs = specsOf(tables, (table) => bucketsSpec(table, config.key, to));
  const changes = [...tables.all].some(
    ([role, table]) => table !== undefined && specs[role]?.specId !== table.metadata.defaultSpecId,
  );
  const bytes = roles.reduce((sum, role) => sum + liveBytes(context, tables.all.get(role)), 0);
  const limitBytes = unitLimit(context, bytes);
  const { count: from, columns } = tables;
  const routeOf = pieceRouter(context);
  const units = () =>
    inRoles(tables, (role, table) =>
      rewriteUnits(
        { role, to, columns, limitBytes, routeOf },
        spreadClasses({ context, table, role, specId: specs[role]?.specId ?? -1, to }),
      ),
    );
  return taskPlan({
    context,
    tables,
    stages: rewriteStages(units),
    strategyReason: `every row is written for ${to} buckets instead of ${from}; nothing else of it changes`,
    evenIfEmpty: changes,
    tell: ([rewritten]) => ({
      buckets: Array.from({ length: from }, (_, bucket) => bucket),
      bytesRead: 2 * (rewritten?.bytes ?? 0),
      bytesWritten: rewritten?.bytes ?? 0,
      explanation: [
        `${from} buckets become ${to}: all live files of ${namesOf(tables)} are rewritten, sorted by key, and what was written is compared with what was read`,
        'the tables change in one commit set; older snapshots keep their files until they expire',
      ],
      facts: { rewrite: { from, to, specs } },
    }),
  });
}

/** Plans a compaction of all cells that the pipeline's policy wants compacted, from manifests. @throws UsageError */
export async function planCompact(context: SummaryContext, task: CompactTask): Promise<Plan> {
  const tables = await taskTables(context);
  refuseForeign(tables.summary);
  const { count, columns } = tables;
  refuseFarBuckets(task.buckets ?? [], count);
  const specs = specsOf(tables, currentSpec);
  const cells = new Map<Role, Awaited<ReturnType<typeof wornCells>>>();
  for (const role of roles) {
    const table = tables.all.get(role);
    if (table !== undefined) cells.set(role, await wornCells({ context, table, role, scope: task }));
  }
  const all = [...cells.values()].flat();
  const limitBytes = unitLimit(
    context,
    all.reduce((sum, cell) => sum + pieceBytes(cell), 0),
  );
  const routeOf = pieceRouter(context);
  const units = () =>
    inRoles(tables, (role) =>
      rewriteUnits(
        { role, to: count, columns, limitBytes, routeOf },
        one((cells.get(role) ?? []).map(({ reason: _, ...piece }): RewritePiece => piece)),
      ),
    );
  const months = all.filter(({ month }) => month > 0).map(({ month }) => month);
  return taskPlan({
    context,
    tables,
    stages: rewriteStages(units),
    strategyReason:
      'cells with many small files or many deleted rows are written anew; nothing of a row changes',
    tell: ([rewritten]) => ({
      buckets: [...new Set(all.flatMap(({ buckets }) => buckets))].sort((a, b) => a - b),
      bytesRead: 2 * (rewritten?.bytes ?? 0),
      bytesWritten: rewritten?.bytes ?? 0,
      explanation: [
        ...[...cells].map(
          ([role, some]) =>
            `${role}: ${some.length} cells are compacted${some[0] === undefined ? '' : `, the first (${cellText(some[0])}) for ${some[0].reason}`}`,
        ),
        'other cells stay as they are',
      ],
      facts: {
        rewrite: { from: count, to: count, specs },
        firstMonth: months.reduce((a, b) => Math.min(a, b), months[0] ?? 0),
        lastMonth: months.reduce((a, b) => Math.max(a, b), 0),
      },
    }),
  });
}

/** Each unit with the one that compares what it has read and written. @param unitsOf the same ones at each call */
function rewriteStages(unitsOf: () => ReturnType<typeof rewriteUnits>) {
  return [
    { name: rewriteStage, units: unitsOf() },
    { name: compareStage, units: compareUnits(unitsOf()) },
  ] as const;
}

async function* one(pieces: readonly RewritePiece[]) {
  if (pieces.length > 0) yield { pieces, idleDeletes: [] };
}

async function* inRoles<T>(
  tables: TaskTables,
  unitsOf: (role: Role, table: Table) => AsyncIterable<T>,
): AsyncIterable<T> {
  for (const role of roles) {
    const table = tables.all.get(role);
    if (table !== undefined) yield* unitsOf(role, table);
  }
}

function specsOf(tables: TaskTables, of: (table: Table) => PartitionSpec): RewriteFacts['specs'] {
  return Object.fromEntries(
    [...tables.all].flatMap(([role, table]) => (table === undefined ? [] : [[role, of(table)]])),
  );
}

function liveBytes({ branch }: SummaryContext, table: Table | undefined): number {
  const head = table === undefined ? undefined : currentSnapshot(table, branch);
  return Number(head?.summary['total-files-size'] ?? 0);
}

function namesOf(tables: TaskTables): string {
  const names = roles.filter((role) => tables.all.get(role) !== undefined);
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function cellText({ month, buckets }: RewritePiece): string {
  return `${month > 0 ? `${monthText(month)}, ` : ''}bucket ${buckets[0]}`;
}
