import { CorruptStateError } from '../../errors.ts';
import type { OutcomeWithChanges } from '../../run/publish/table-change.ts';
import { readCheckpoint } from '../../run/units/checkpoints.ts';
import { inPieces } from '../../run/units/pieces.ts';
import type { AuditReport, Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { committedSizes } from '../state/job.ts';
import {
  type CheckSpec,
  type RollupContext,
  type RollupOutcome,
  type RollupPlanFacts,
  rollupStage,
} from '../types.ts';
import { completeFiles, type UnitOutcome, unitOutcomes } from '../work/outcomes.ts';
import { auditBatch, sampleOf, writtenBy } from './audit.ts';
import { digestOfUnit } from './unit-digest.ts';

/** What was found of one unit of the work, and of which files. */
export interface CheckedUnit {
  readonly unit: string;
  /** Of the outcome that was looked at. */
  readonly digest: string;
  readonly points: number;
  readonly refused: number;
  readonly sampledSeries: number;
  readonly checks: AuditReport['checks'];
}

export interface CheckOutcome extends OutcomeWithChanges {
  readonly units: readonly CheckedUnit[];
}

/**
 * One unit of the stage `check`: the audit of what some units of the work have left, one after the other. What it looks
 * at comes from the plan and their checkpoints; the audit step proves that this was all.
 */
export async function checkUnit(
  context: RollupContext,
  plan: Plan,
  item: UnitItem,
  spec: CheckSpec,
): Promise<UnitResult> {
  await completeFiles(context, await unitOutcomes(context, plan));
  const sizes = await committedSizes(context);
  const { points } = plan.workload as RollupPlanFacts;
  const sample = sampleOf(context, points * spec.share, spec.share / spec.units.length);
  const units = await inPieces({
    context,
    item,
    cut: 'units',
    pieces: spec.units,
    work: async ({ unit, ...range }): Promise<CheckedUnit> => {
      const one = { unit, outcome: await outcomeOf(context, unit) };
      const report = await auditBatch(context, plan, { ...writtenBy([one], sizes), range, sample });
      return {
        unit,
        digest: digestOfUnit(one),
        points: one.outcome.points.arrived,
        refused: one.outcome.points.tooLate + one.outcome.points.tooFar,
        sampledSeries: Number(report.facts['sampledSeries'] ?? 0),
        checks: report.checks,
      };
    },
  });
  const outcome: CheckOutcome = { changes: [], units };
  return { rows: units.reduce((sum, one) => sum + one.points, 0), bytes: 0, outcome };
}

async function outcomeOf(context: RollupContext, unit: string): Promise<UnitOutcome['outcome']> {
  const record = await context.world.state.checkpoints.get(context.runId, rollupStage, unit);
  if (record !== undefined) return (await readCheckpoint(context, record)).outcome as RollupOutcome;
  throw new CorruptStateError(`unit ${unit} of stage ${rollupStage} has no checkpoint`, {
    safe: 'the table is untouched',
    next: `partwise resume ${context.runId}`,
  });
}
