import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { AuditReport, Plan, StageSummary } from '../../run/workload.ts';
import { readState } from '../state/state.ts';
import type { RollupContext, RollupPlanFacts } from '../types.ts';
import type { UnitOutcome } from '../work/outcomes.ts';
import type { CheckOutcome } from './check-unit.ts';
import { type Findings, findings } from './findings.ts';
import { carriedFrom } from './state.ts';
import { digestOfUnit } from './unit-digest.ts';

interface SumOptions {
  readonly context: RollupContext;
  readonly plan: Plan;
  /** All units of the work. */
  readonly units: readonly UnitOutcome[];
  readonly stage: StageSummary;
}

/**
 * The audit of a batch that was audited in units: sums up what they found, and proves that they looked at all that will
 * be published and at all points. A unit that found something is checked again when the run is resumed.
 */
export async function sumChecks({ context, plan, units, stage }: SumOptions): Promise<AuditReport> {
  const facts = plan.workload as RollupPlanFacts;
  const found = findings();
  const expected = new Map(units.map((one) => [one.unit, digestOfUnit(one)]));
  const totals = { points: 0, refused: 0, sampledSeries: 0 };
  const coverage = 'checked units';
  for await (const { item, result } of checkpointsOf(context, stage)) {
    let isRight = true;
    for (const one of (result.outcome as CheckOutcome).units) {
      found.checked(coverage, 1);
      if (expected.get(one.unit) !== one.digest) {
        isRight = false;
        found.failed(coverage, `${one.unit}: other files were checked than the unit has left`);
      }
      expected.delete(one.unit);
      isRight &&= take(found, one.checks);
      totals.points += one.points;
      totals.refused += one.refused;
      totals.sampledSeries += one.sampledSeries;
    }
    if (!isRight) await context.world.state.checkpoints.remove(context.runId, stage.name, item.unit);
  }
  for (const unit of expected.keys()) found.failed(coverage, `${unit} was not checked`);
  found.same('points are conserved', 'points that arrived', facts.points, totals.points);
  found.same('points are conserved', 'points refused', facts.refused, totals.refused);
  const before =
    facts.previous === null ? undefined : await readState(context.world.warehouse, facts.previous);
  carriedFrom(found, facts.carried, before);
  return found.report({ sampledSeries: totals.sampledSeries });
}

/** Returns whether all of them passed. */
function take(found: Findings, checks: AuditReport['checks']): boolean {
  for (const { name, passed, checked, detail } of checks) {
    found.checked(name, checked);
    if (!passed) found.failed(name, detail ?? 'failed');
  }
  return checks.every(({ passed }) => passed);
}
