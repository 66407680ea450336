import { sha256 } from '../../run/layout.ts';
import type { UnitOutcome } from '../work/outcomes.ts';

/** Digest of all files that a unit of the work has left, and of what it says that it counted. */
export function digestOfUnit({ unit, outcome }: UnitOutcome): string {
  const { changes, state, points } = outcome;
  return sha256(JSON.stringify([unit, changes, state, points]));
}
