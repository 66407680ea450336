import { chooseEngine } from '../../run/engines/choose-engine.ts';
import type { Plan } from '../../run/workload.ts';
import { bucketLabel } from '../plan/plan.ts';
import { type TaskUnit, taskPlan, taskTables } from '../tasks/plan.ts';
import type { RepairLatestTask } from '../tasks/tasks.ts';
import type { SummaryContext } from '../types.ts';
import { repairBytes } from './spark.ts';
import { chooseRepairBuckets, repairFiles } from './tables.ts';
import { type RepairSpec, repairStage } from './unit.ts';

/** Plans a repair of latest from manifests: which buckets are compared, and why. No data file is opened. */
export async function planRepair(context: SummaryContext, task: RepairLatestTask): Promise<Plan> {
  const { config, world, branch } = context;
  const tables = await taskTables(context);
  const { count, columns } = tables;
  const chosen = await chooseRepairBuckets({ world, config, branch, tables, scope: task.buckets });
  const files = await repairFiles({ world, config, branch, tables }, new Set(chosen.buckets));
  const units = chosen.buckets.flatMap((bucket): readonly TaskUnit[] => {
    const specification: RepairSpec = {
      stage: repairStage,
      bucket,
      buckets: count,
      columns,
      summary: files.summary.get(bucket) ?? [],
      latest: files.latest.get(bucket) ?? [],
    };
    if (specification.summary.length + specification.latest.length === 0) return [];
    const sum = (of: 'rows' | 'sizeBytes') =>
      specification.latest.reduce((total, file) => total + file[of], 0);
    const route = chooseEngine(config, repairBytes(specification));
    const { engine } = route;
    return [
      {
        label: bucketLabel(bucket),
        rows: sum('rows'),
        bytes: sum('sizeBytes'),
        specification: engine === 'spark' ? { ...specification, engine } : specification,
        route,
      },
    ];
  });
  const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
  return taskPlan({
    context,
    tables,
    stages: [{ name: repairStage, units }],
    strategyReason:
      'each bucket by itself: latest is compared with summary, and written anew where a key deviates',
    tell: () => ({
      buckets: chosen.buckets,
      // Rows of latest once, their summary rows once to compare and at most once more to write.
      bytesRead: 3 * bytes,
      bytesWritten: bytes,
      explanation: [
        `latest is compared with summary in ${units.length} of ${count} buckets; buckets in which no key deviates stay as they are`,
        ...chosen.reasons,
      ],
    }),
  });
}
