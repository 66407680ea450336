import type { UnitResult } from '../../run/workload.ts';
import { mergeChanges } from '../files/file-changes.ts';
import { groupBytes } from '../plan/groups.ts';
import type { ApplyOutcome, ApplySpec } from '../types.ts';
import type { GroupResult } from './rewrite-group.ts';

/** What a unit of `apply` leaves, whichever engine did it. */
export function applyResult(spec: ApplySpec, groups: readonly GroupResult[], elapsedMs: number): UnitResult {
  const outcome: ApplyOutcome = {
    stage: 'apply',
    changes: mergeChanges(groups.map(({ change }) => change)),
    files: groups.flatMap(({ files }) => files),
    groups: groups.flatMap(({ rewritten }) => (rewritten === undefined ? [] : [rewritten])),
    elapsedMs: { apply: elapsedMs },
  };
  const rows = outcome.files.reduce((sum, file) => sum + file.rowsChanged, 0);
  const bytes = spec.groups.reduce((sum, group) => sum + groupBytes(group), 0);
  return { rows, bytes, outcome };
}
