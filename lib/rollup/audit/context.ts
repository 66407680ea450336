import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import type { DataFile, Field } from '../../iceberg/types.ts';
import type { RollupShape } from '../columns.ts';
import type { PartRange } from '../plan/part-range.ts';
import type { RollupRules } from '../rules.ts';
import type { StateFiles } from '../state/state.ts';
import type { PointCounts, PointSource, RollupContext, RollupPlanFacts } from '../types.ts';
import type { Findings } from './findings.ts';

/** What every check of a batch gets. */
export interface RollupAudit {
  readonly context: RollupContext;
  readonly session: EngineSession;
  readonly findings: Findings;
  readonly rules: RollupRules;
  readonly shape: RollupShape;
  readonly facts: RollupPlanFacts;
  /** What of the batch is audited; everything else here is of these parts only. */
  readonly range: PartRange;
  /** What prepare has counted in them. */
  readonly counted: { readonly points: number; readonly refused: number };
  readonly sources: readonly PointSource[];
  /** Data files that the batch adds. */
  readonly added: readonly DataFile[];
  readonly fields: readonly Field[];
  readonly before: StateFiles;
  /** State files of this batch's own, and those that it carries over. */
  readonly written: StateFiles;
  readonly carried: StateFiles;
  /** What the units say that they counted; undefined when nobody knows any more. */
  readonly reported: PointCounts | undefined;
  /** Series to recompute, how many points they may have together, and how many points are counted one by one. */
  readonly sample: { readonly series: number; readonly points: number; readonly counted: number };
}

/** A whole number of a row, exact; 0 when it is NULL. */
export function whole(row: SqlRow | undefined, name: string): bigint {
  const value = row?.[name];
  return value === null || value === undefined ? 0n : BigInt(String(value));
}

/** What all checks of a batch have in common; each works in a session and keeps its findings. */
export type CommonAudit = Omit<RollupAudit, 'session' | 'findings'>;

/** SQL: the right edge of the window of a time, in milliseconds. */
export function edgeOf(time: string, resolution: string | number): string {
  return `(${time} + ((-(${time} % ${resolution})) + ${resolution}) % ${resolution})`;
}

/** SQL conditions of a point of the batch: too late, and if not, too far in the future. */
export function refusals({ facts, rules }: Pick<RollupAudit, 'facts' | 'rules'>): {
  readonly late: string;
  readonly far: string;
} {
  const late =
    facts.closedBeforeMs === null ? 'false' : `${edgeOf('ts', rules.baseMs)} <= ${facts.closedBeforeMs}`;
  const far = rules.maxFutureMs === undefined ? 'false' : `ts > ${facts.watermarkMs + rules.maxFutureMs}`;
  return { late: `(${late})`, far: `(NOT (${late}) AND ${far})` };
}
