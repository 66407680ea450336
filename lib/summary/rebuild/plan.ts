import type { Plan } from '../../run/workload.ts';
import { cellGroups, groupBytes } from '../plan/groups.ts';
import { bucketLabel } from '../plan/plan.ts';
import { repairFiles } from '../repair/tables.ts';
import { monthText } from '../sql/months.ts';
import { type TaskUnit, taskPlan, taskTables } from '../tasks/plan.ts';
import type { RebuildTask } from '../tasks/tasks.ts';
import type { SummaryContext } from '../types.ts';
import { namesNoRows } from './missing.ts';
import { bucketsOfScope, rowScope } from './scope.ts';
import { type RebuildSpec, rebuildStage } from './unit.ts';

/**
 * Plans a rebuild of arrays from manifests. No data file is opened.
 * @throws UsageError when no file can hold a row of the scope
 */
export async function planRebuild(context: SummaryContext, task: RebuildTask): Promise<Plan> {
  const { config, world, branch } = context;
  const tables = await taskTables(context);
  const { count, columns } = tables;
  const scope = rowScope(config, task);
  const buckets = bucketsOfScope(config, task, count);
  const files = await repairFiles({ world, config, branch, tables }, new Set(buckets));
  const units = buckets.flatMap((bucket): readonly (TaskUnit & { readonly specification: RebuildSpec })[] => {
    const summary = files.summary.get(bucket) ?? [];
    const cells = Map.groupBy(summary, ({ month }) => month);
    // How many rows are wrong shows when they are recomputed: a cell with many of them is copied then.
    const expected = task.keys?.length ?? 1;
    const groups = [...cells]
      .filter(([month]) => month >= scope.first && month <= scope.last)
      .flatMap(([month, own]) => cellGroups(config, { bucket, month, files: own, expected }));
    if (groups.length === 0) return [];
    const specification: RebuildSpec = {
      stage: rebuildStage,
      bucket,
      buckets: count,
      columns,
      scope: { ...scope, keys: scope.keys ?? null },
      summary,
      latest: files.latest.get(bucket) ?? [],
      groups,
    };
    const sum = (of: 'rows' | 'sizeBytes') =>
      groups.reduce((total, group) => total + group.files.reduce((some, file) => some + file[of], 0), 0);
    return [
      {
        label: bucketLabel(bucket),
        rows: sum('rows'),
        bytes: sum('sizeBytes'),
        specification,
      },
    ];
  });
  if (units.length === 0) throw namesNoRows(config, task);
  const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
  const groups = units.flatMap(({ specification }) => specification.groups);
  return taskPlan({
    context,
    tables,
    stages: [{ name: rebuildStage, units }],
    strategyReason:
      'each bucket by itself: arrays are recomputed, and rows whose arrays differ are rewritten',
    tell: () => ({
      buckets: units.map(({ specification }) => specification.bucket),
      bytesRead: bytes,
      bytesWritten: groups
        .filter(({ mode }) => mode === 'copy-on-write')
        .reduce((sum, group) => sum + groupBytes(group), 0),
      explanation: [
        `arrays of ${task.keys === undefined ? 'every key' : `${task.keys.length} named keys`} are recomputed from the months' own rows in ${units.length} of ${count} buckets`,
        ...(task.months === undefined
          ? []
          : [
              `rows of ${monthText(scope.first)} to ${monthText(scope.last)}: those that hold values of ${monthText(task.months.first)} to ${monthText(task.months.last)}`,
            ]),
        'rows that are right stay as they are; latest follows in the same commit',
      ],
    }),
  });
}
