import type { SqlRow } from '../../engine/engine.ts';
import type { CaseCounts } from '../types.ts';

/** @param row the row of `caseCounts` */
export function readCases(row: SqlRow | undefined): CaseCounts {
  const count = (name: keyof CaseCounts) => Number(row?.[name] ?? 0);
  return {
    caseI: count('caseI'),
    caseII: count('caseII'),
    caseIIIInsert: count('caseIIIInsert'),
    caseIIIUpdate: count('caseIIIUpdate'),
    caseIV: count('caseIV'),
    delete: count('delete'),
    tombstone: count('tombstone'),
    stale: count('stale'),
    duplicate: count('duplicate'),
    revived: count('revived'),
    feed: count('feed'),
    feedWaiting: count('feedWaiting'),
    feedOverrides: count('feedOverrides'),
  };
}
