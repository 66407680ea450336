import type { SummaryConfig } from '../config/schema.ts';
import type { Plan, UnitItem, UnitResult, Workload } from '../run/workload.ts';
import { applyUnit } from './apply/apply.ts';
import { audit } from './audit/audit.ts';
import { checkUnit } from './audit/unit.ts';
import { maintain, maintainTables } from './maintain.ts';
import { planSummary } from './plan/plan.ts';
import { loadOf } from './plan/unit-loads.ts';
import { prepare } from './prepare/prepare.ts';
import { publishSummary, rollForwardSummary } from './publish.ts';
import { rebuildStage, rebuildUnit } from './rebuild/unit.ts';
import { repairStage, repairUnit } from './repair/unit.ts';
import { resolveUnit } from './resolve/resolve.ts';
import { compareUnit } from './rewrite/compare-unit.ts';
import { compareStage, rewriteStage } from './rewrite/types.ts';
import { rewriteUnit } from './rewrite/unit.ts';
import { compileUnit, finishUnit, sparkUseOf } from './spark/halves.ts';
import { unitStatements } from './statements.ts';
import { mustBePlannable } from './tables/other-buckets.ts';
import { pinConfig } from './tables/pin-config.ts';
import { roles, tableIdentifier } from './tables/tables.ts';
import { auditTask, planTask, publishTask } from './tasks/run.ts';
import { configForTask, summaryTask } from './tasks/tasks.ts';
import { checkStage, type SummaryContext, type UnitSpec } from './types.ts';
import { verifyRun, verifyTables } from './verify/verify.ts';

export { chooseBuckets } from './tables/buckets.ts';
export { targetTables } from './tables/tables.ts';
export type { ApplyOutcome, CaseCounts, ResolveOutcome, SummaryPlanFacts, TouchedFile } from './types.ts';

/** Account summaries with rolling history. */
export const summaryWorkload: Workload<SummaryConfig> = {
  tables: (config) =>
    roles.map((role) => ({
      role,
      identifier: tableIdentifier(config, role),
      key: config.key,
      sortedBy: [config.month],
    })),
  stages: ['resolve', 'apply', checkStage, repairStage, rebuildStage, rewriteStage, compareStage],
  configForTask,
  pinConfig,
  rollForward: rollForwardSummary,
  prepare,
  plan: (context, prepared) => {
    const task = summaryTask(context);
    return task === undefined ? planSummary(context, prepared) : planTask(context, task);
  },
  mustBePlannable,
  statements: unitStatements,
  work,
  loadOf: (config, specification) => loadOf(config, specification as UnitSpec),
  sparkUse: (specification) => sparkUseOf(specification as UnitSpec),
  compile: (context, plan, item, specification) =>
    compileUnit(context, plan, item, specification as UnitSpec),
  finish: (context, plan, item, specification, compiled, report) =>
    finishUnit({ context, plan, item, spec: specification as UnitSpec, compiled, report }),
  audit: (context, plan) => {
    const task = summaryTask(context);
    return task === undefined ? audit(context, plan) : auditTask(context, plan, task);
  },
  publish: (context, plan) => {
    const task = summaryTask(context);
    return task === undefined ? publishSummary(context, plan) : publishTask(context, plan, task);
  },
  verifyRun,
  verifyTables: (world, config) => verifyTables(world, config, { full: true }),
  upkeep: maintainTables,
  maintain,
};

function work(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  specification: unknown,
): Promise<UnitResult> {
  const spec = specification as UnitSpec;
  switch (spec.stage) {
    case 'resolve':
      return resolveUnit(context, plan, item, spec);
    case 'apply':
      return applyUnit(context, plan, item, spec);
    case 'check':
      return checkUnit(context, plan, item, spec);
    case 'repair':
      return repairUnit(context, plan, item, spec);
    case 'rebuild':
      return rebuildUnit(context, plan, item, spec);
    case 'rewrite':
      return rewriteUnit(context, plan, item, spec);
    case 'compare':
      return compareUnit(context, plan, item, spec);
  }
}
