import { configDigest } from '../../config/digest.ts';
import { ConfigError } from '../../errors.ts';
import type { Table } from '../../iceberg/index.ts';
import { sha256 } from '../../run/layout.ts';
import { type PlannedUnit, writeStage } from '../../run/stages.ts';
import type { Plan } from '../../run/workload.ts';
import { findTable } from '../pin-config.ts';
import { bucketLabel, columnsDigest, pinOf, refuseOtherBuckets } from '../plan.ts';
import { type Role, roles } from '../tables.ts';
import type { RepairLatestTask } from '../tasks.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';
import { chooseRepairBuckets, repairFiles, repairTables } from './tables.ts';
import { type RepairSpec, repairStage } from './unit.ts';

/** Plans a repair of latest from manifests: which buckets are compared, and why. No data file is opened. */
export async function planRepair(context: SummaryContext, task: RepairLatestTask): Promise<Plan> {
  const { config, world, branch } = context;
  const tables = await repairTables(world, config);
  refuseOtherBuckets(tables.summary, config);
  const count = config.tables.buckets;
  if (count === undefined) throw new ConfigError('tables.buckets is not decided yet');
  const all = new Map<Role, Table | undefined>([
    ['summary', tables.summary],
    ['latest', tables.latest],
    ['tombstones', await findTable(world, config, 'tombstones')],
  ]);
  const chosen = await chooseRepairBuckets({ world, config, branch, tables, scope: task.buckets });
  const files = await repairFiles({ world, config, branch, tables }, new Set(chosen.buckets));
  const columns = columnsDigest(context, all);
  const units = chosen.buckets.flatMap((bucket): readonly PlannedUnit[] => {
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
    return [{ label: bucketLabel(bucket), rows: sum('rows'), bytes: sum('sizeBytes'), specification }];
  });
  const stage = await writeStage(context, repairStage, context.planGeneration, units);
  const facts: SummaryPlanFacts = {
    strategy: 'partitionwise',
    buckets: count,
    firstMonth: 0,
    lastMonth: 0,
    touchedBuckets: chosen.buckets,
    preparedRows: 0,
    preparedDeletes: 0,
    sampledBuckets: 0,
  };
  const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
  const head = {
    formatVersion: 1 as const,
    runId: context.runId,
    pipeline: config.pipeline,
    configDigest: configDigest(config),
    branch,
    createdMs: world.clock.now(),
    outcome: units.length === 0 ? ('nothing' as const) : ('work' as const),
    strategy: 'repair',
    strategyReason:
      'each bucket by itself: latest is compared with summary, and written anew where a key deviates',
    pins: roles.map((role) => pinOf(context, role, all.get(role))),
    stages: [stage],
    // Wanted rows are read once to compare and, at most, once more to write.
    estimate: {
      seconds: bytes / bytesPerSecond,
      bytesRead: 3 * bytes,
      bytesWritten: bytes,
      costUsd: undefined,
    },
    explanation: [
      `latest is compared with summary in ${units.length} of ${count} buckets; buckets in which no key deviates stay as they are`,
      ...chosen.reasons,
    ],
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}

/** Compressed bytes of wide rows that one core compares and writes in a second. */
const bytesPerSecond = 10e6;
