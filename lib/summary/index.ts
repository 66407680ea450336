import type { Plan, RunContext, UnitItem, UnitResult, Workload } from '../run/workload.ts';
import { applyUnit } from './apply.ts';
import { audit } from './audit.ts';
import { maintain } from './maintain.ts';
import { pinConfig } from './pin-config.ts';
import { planSummary } from './plan.ts';
import { prepare } from './prepare.ts';
import { publishSummary, rollForwardSummary } from './publish.ts';
import { resolveUnit } from './resolve.ts';
import type { UnitSpec } from './types.ts';

export { chooseBuckets } from './buckets.ts';
export { targetTables } from './tables.ts';
export type { ApplyOutcome, CaseCounts, ResolveOutcome, SummaryPlanFacts, TouchedFile } from './types.ts';

/** Account summaries with rolling history. */
export const summaryWorkload: Workload = {
  stages: ['resolve', 'apply'],
  pinConfig,
  rollForward: rollForwardSummary,
  prepare,
  plan: planSummary,
  work,
  audit,
  publish: publishSummary,
  maintain,
};

function work(context: RunContext, plan: Plan, item: UnitItem, specification: unknown): Promise<UnitResult> {
  const spec = specification as UnitSpec;
  return spec.stage === 'resolve'
    ? resolveUnit(context, plan, item, spec)
    : applyUnit(context, plan, item, spec);
}
