import { CorruptStateError } from '../../errors.ts';
import type { UnitItem, UnitResult } from '../../run/workload.ts';
import type { RollupContext, RollupOutcome, RollupSpec } from '../types.ts';

/** What a unit ends with. @throws CorruptStateError when it has not found the points that were planned */
export function unitResult(
  { runId }: Pick<RollupContext, 'runId'>,
  { unit }: Pick<UnitItem, 'unit'>,
  spec: Pick<RollupSpec, 'points'>,
  outcome: RollupOutcome,
): UnitResult {
  const { points, state, windows } = outcome;
  if (points.arrived !== spec.points)
    throw new CorruptStateError(
      `unit ${unit} was planned for ${spec.points} points and found ${points.arrived}`,
      { safe: 'nothing was published', next: `partwise cancel ${runId}` },
    );
  const files = [...state.hot, ...state.tails, ...state.part];
  return {
    rows: windows.reduce((sum, one) => sum + one.closed, 0),
    bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    outcome,
  };
}
