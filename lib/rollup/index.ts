import type { RollupConfig } from '../config/schema.ts';
import type { Workload } from '../run/workload.ts';
import { audit } from './audit/audit.ts';
import { checkUnit } from './audit/check-unit.ts';
import { verifyRun } from './audit/verify.ts';
import { verifyTables } from './audit/verify-tables.ts';
import { nextBatch } from './batch.ts';
import { maintain, maintainRollups } from './maintain.ts';
import { pinConfig } from './pin-config.ts';
import { plan } from './plan.ts';
import { prepare } from './prepare.ts';
import { publish } from './publish.ts';
import { rollups, tableIdentifier } from './tables.ts';
import { type CheckSpec, checkStage, type RollupSpec, rollupStage } from './types.ts';
import { work } from './work.ts';

/** Metric rollups with partial points. */
export const rollupWorkload: Workload<RollupConfig> = {
  tables: (config) => [
    {
      role: rollups,
      identifier: tableIdentifier(config),
      key: config.points.series.name,
      sortedBy: ['resolution', 'window_ts'],
    },
  ],
  stages: [rollupStage, checkStage],
  nextBatch,
  pinConfig,
  rollForward: async () => undefined,
  prepare,
  plan,
  work: (context, plan, item, specification) =>
    item.stage === checkStage
      ? checkUnit(context, plan, item, specification as CheckSpec)
      : work(context, plan, item, specification as RollupSpec),
  audit,
  publish,
  verifyRun,
  verifyTables,
  upkeep: maintainRollups,
  maintain,
};
