import type { SparkReport } from '../../engine/spark.ts';
import type { Compiled, CompiledUnit, Plan, SparkUse, UnitItem, UnitResult } from '../../run/workload.ts';
import { applySparkUse, compileApply, finishApply } from '../apply/spark.ts';
import { compileRepair, finishRepair, repairSparkUse } from '../repair/spark.ts';
import { compileResolve, finishResolve, resolveSparkUse } from '../resolve/spark.ts';
import { compileRewrite, finishRewrite, rewriteSparkUse } from '../rewrite/spark.ts';
import type { SummaryContext, UnitSpec } from '../types.ts';

/** Units for Spark in two halves, by their stage. */

export function sparkUseOf(spec: UnitSpec): SparkUse {
  switch (spec.stage) {
    case 'resolve':
      return resolveSparkUse(spec);
    case 'apply':
      return applySparkUse(spec);
    case 'repair':
      return repairSparkUse(spec);
    case 'rewrite':
      return rewriteSparkUse(spec);
    case 'check':
    case 'rebuild':
    case 'compare':
      return 'never';
  }
}

export function compileUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: UnitSpec,
): Promise<Compiled> {
  switch (spec.stage) {
    case 'resolve':
      return compileResolve(context, plan, item, spec);
    case 'apply':
      return compileApply(context, plan, item, spec);
    case 'repair':
      return compileRepair(context, plan, item, spec);
    case 'rewrite':
      return compileRewrite(context, plan, item, spec);
    case 'check':
    case 'rebuild':
    case 'compare':
      throw neverSparks(spec);
  }
}

interface FinishOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly item: UnitItem;
  readonly spec: UnitSpec;
  readonly compiled: CompiledUnit;
  readonly report: SparkReport;
}

export function finishUnit({
  context,
  plan,
  item,
  spec,
  compiled,
  report,
}: FinishOptions): Promise<UnitResult> {
  switch (spec.stage) {
    case 'resolve':
      return finishResolve(context, plan, item, spec, compiled, report);
    case 'apply':
      return finishApply(context, plan, item, spec, compiled, sparkMs(report));
    case 'repair':
      return finishRepair(context, plan, spec, compiled, report);
    case 'rewrite':
      return finishRewrite(context, plan, spec, compiled, report);
    case 'check':
    case 'rebuild':
    case 'compare':
      throw neverSparks(spec);
  }
}

function neverSparks({ stage }: UnitSpec): TypeError {
  return new TypeError(`units of ${stage} are never Spark's`);
}

function sparkMs({ elapsedMs }: SparkReport): number {
  return Object.values(elapsedMs).reduce((sum, ms) => sum + ms, 0);
}
