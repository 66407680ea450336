import type { RollupConfig } from '../config/schema.ts';
import type { Workload } from '../run/workload.ts';
import { audit } from './audit/audit.ts';
import { checkUnit } from './audit/check-unit.ts';
import { verifyRun } from './audit/verify.ts';
import { verifyTables } from './audit/verify-tables.ts';
import { nextBatch } from './batch.ts';
import { maintain, maintainRollups } from './maintain.ts';
import { pinConfig } from './pin-config.ts';
import { plan } from './plan/plan.ts';
import { rollupLoad } from './plan/unit-load.ts';
import { prepare } from './prepare/prepare.ts';
import { publish } from './publish.ts';
import { auditRepair } from './repair/audit/audit.ts';
import { verifyRepair } from './repair/audit/verify.ts';
import { planRepair } from './repair/plan.ts';
import { publishRepair } from './repair/publish.ts';
import { repairBatch } from './repair/request.ts';
import { repairStage } from './repair/types.ts';
import { workRepair } from './repair/work.ts';
import { compileRollup, finishRollup, rollupSparkUse } from './spark/work.ts';
import { rollupStatements } from './statements.ts';
import { rollups, tableIdentifier } from './tables.ts';
import { type CheckSpec, checkStage, type RollupContext, type RollupSpec, rollupStage } from './types.ts';
import { work } from './work/work.ts';

function isRepair({ batch }: RollupContext): boolean {
  return batch?.repair !== undefined;
}

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
  stages: [rollupStage, checkStage, repairStage],
  nextBatch,
  repairBatch,
  pinConfig,
  rollForward: async () => undefined,
  prepare,
  plan: (context, prepared) => (isRepair(context) ? planRepair(context, prepared) : plan(context, prepared)),
  work: (context, made, item, specification) => {
    if (isRepair(context)) return workRepair(context, item, specification);
    return item.stage === checkStage
      ? checkUnit(context, made, item, specification as CheckSpec)
      : work(context, made, item, specification as RollupSpec);
  },
  statements: rollupStatements,
  loadOf: (config, specification, bytes) => {
    const spec = specification as Partial<RollupSpec>;
    return spec.hot === undefined ? undefined : rollupLoad(config, spec as RollupSpec, bytes);
  },
  sparkUse: (specification) => rollupSparkUse(specification as RollupSpec),
  compile: (context, made, item, specification) =>
    compileRollup(context, made, item, specification as RollupSpec),
  finish: (context, made, item, specification, compiled, report) =>
    finishRollup(context, made, item, specification as RollupSpec, { ...compiled, report }),
  audit: (context, made) => (isRepair(context) ? auditRepair(context, made) : audit(context, made)),
  publish: (context, made) => (isRepair(context) ? publishRepair(context, made) : publish(context, made)),
  verifyRun: (context, made, options) =>
    isRepair(context) ? verifyRepair(context, made, options) : verifyRun(context, made, options),
  verifyTables,
  upkeep: maintainRollups,
  maintain,
};
