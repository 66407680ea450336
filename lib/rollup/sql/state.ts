import type { Dialect } from '../../engine/dialect.ts';
import type { RollupShape } from '../columns.ts';
import type { RollupRules } from '../rules.ts';
import type { RollupSpec } from '../types.ts';
import { labelled } from './rows.ts';
import { livingTails } from './series.ts';
import { mergeable } from './windows.ts';

/** The rows of the state after a batch, from `ordered`, `base`, `tails`, `labels`, `older` and `windows_<resolution>`. */
export interface StateRows {
  readonly kind: 'hot' | 'tails' | 'part';
  readonly select: string;
  /** Columns that the file is sorted by. */
  readonly by: string;
}

interface StateOptions {
  readonly dialect: Dialect;
  readonly spec: Pick<RollupSpec, 'closedAfterMs'>;
  readonly rules: RollupRules;
  readonly shape: RollupShape;
  readonly labels: readonly string[];
}

/** Whether a time lies in a window that stays open. @param time `ts`, or `w`, the window itself */
export function isOpen({ closedAfterMs }: Pick<RollupSpec, 'closedAfterMs'>, time: 'ts' | 'w'): string {
  return closedAfterMs === null ? 'true' : `${time} > ${closedAfterMs}`;
}

export function isClosed({ closedAfterMs }: Pick<RollupSpec, 'closedAfterMs'>, time: 'ts' | 'w'): string {
  return closedAfterMs === null ? 'false' : `${time} <= ${closedAfterMs}`;
}

/** Resolutions whose open windows are kept; those of the base are kept as points. */
export function coarser({ resolutionsMs, baseMs }: RollupRules): readonly number[] {
  return resolutionsMs.filter((resolution) => resolution !== baseMs);
}

export function stateRows(options: StateOptions): readonly StateRows[] {
  const { dialect, spec, rules, labels } = options;
  const names = labels.join(', ');
  // Of each base window its last point, which is later than the tail from before.
  const last = `SELECT id, max(ts) AS ts, ${dialect.maxBy('v', 'ts')} AS v FROM (SELECT id, lt AS ts, lv AS v FROM base UNION ALL SELECT id, ts, v FROM tails) GROUP BY id`;
  const part = coarser(rules).map((resolutionMs) => openWindows(options, resolutionMs));
  return [
    {
      kind: 'hot',
      select: `SELECT id, ts, v, ${names} FROM ordered JOIN labels USING (id) WHERE ${isOpen(spec, 'ts')}`,
      by: 'id, ts',
    },
    {
      kind: 'tails',
      select: `SELECT id, ts, v, ${names} FROM (${last}) JOIN labels USING (id) WHERE ${livingTails(spec.closedAfterMs, rules)}`,
      by: 'id',
    },
    ...(part.length === 0
      ? []
      : [
          {
            kind: 'part',
            select: `SELECT * FROM (${part.join(' UNION ALL ')})`,
            by: 'resolution, id, w',
          } as const,
        ]),
  ];
}

function openWindows({ spec, shape, labels }: StateOptions, resolutionMs: number): string {
  const sums = mergeable
    .split(', ')
    .map((name) => (name === 's' || name === 'inc' ? `CAST(${name} AS DECIMAL(38,0)) AS ${name}` : name));
  const columns = [...sums, ...(shape.sketch === undefined ? [] : ['sk', 'sc']), ...labels].join(', ');
  const rows = labelled({ shape, resolutionMs, labels, where: isOpen(spec, 'w') });
  return `SELECT CAST(${resolutionMs} AS BIGINT) AS resolution, ${columns} FROM (${rows})`;
}
