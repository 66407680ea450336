import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pointScenarios } from '../generators/points.ts';
import { rollupExamples } from './rollup-examples.ts';
import {
  type OracleBatch,
  type OracleOpenRow,
  type OracleRow,
  type RollupRules,
  rollupOracle,
} from './rollup-oracle.ts';
import { emptyState, openRows, type State, stepOf } from './rollup-state.ts';

it('hot points, tails and parts are enough to say what all points of all batches say', () => {
  fc.assert(
    fc.property(pointScenarios(), ({ rules, batches }) => agree(rules, batches)),
    { numRuns: 500 },
  );
});

for (const { name, rules, batches } of rollupExamples)
  it(`the state is enough: ${name}`, () => agree(rules, batches));

function agree(rules: RollupRules, batches: readonly OracleBatch[]): void {
  const base = rules.resolutionsMs.reduce(greatestCommonDivisor);
  const published: OracleRow[] = [];
  let state: State = emptyState;
  for (const [index, batch] of batches.entries()) {
    const step = stepOf(rules, base, state, batch);
    published.push(...step.published);
    state = step.state;
    const expected = rollupOracle(rules, batches.slice(0, index + 1));
    expect(sorted(published)).toEqual(sorted(expected.rows));
    expect(sorted(openRows(rules, state))).toEqual(sorted(expected.open));
    expect(state.closedMs).toBe(expected.closedThroughMs ?? Number.NEGATIVE_INFINITY);
  }
}

function sorted(rows: readonly OracleOpenRow[]): readonly OracleOpenRow[] {
  const key = (row: OracleOpenRow) => JSON.stringify([row.resolutionMs, row.windowMs, row.id]);
  return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
