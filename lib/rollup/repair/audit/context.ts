import type { EngineSession } from '../../../engine/engine.ts';
import type { DataFile, ScanFile } from '../../../iceberg/types.ts';
import type { Findings } from '../../audit/findings.ts';
import type { RollupShape } from '../../columns.ts';
import type { RollupRules } from '../../rules.ts';
import type { RollupState, StateFiles } from '../../state/state.ts';
import type { RollupContext } from '../../types.ts';
import type { RepairPlanFacts } from '../types.ts';

/** What every check of a repair gets. */
export interface RepairAudit {
  readonly context: RollupContext;
  readonly session: EngineSession;
  readonly findings: Findings;
  readonly rules: RollupRules;
  readonly shape: RollupShape;
  readonly facts: RepairPlanFacts;
  /** Live files before the repair. */
  readonly before: readonly ScanFile['file'][];
  readonly removed: readonly ScanFile['file'][];
  readonly added: readonly DataFile[];
  /** The state before and after. */
  readonly stateBefore: RollupState;
  readonly stateAfter: StateFiles;
  /** Series to recompute point by point. */
  readonly series: number;
}

/** Columns of a row that say what it is worth, but for its sketch. */
export const rowValues = ['n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'inc', 'rs'] as const;

/** Columns of a sketch; none without quantiles. */
export function sketchLists({ shape }: Pick<RepairAudit, 'shape'>): readonly string[] {
  return shape.sketch === undefined ? [] : ['sk', 'sc'];
}
