import { expect, it } from 'vitest';
import { engineLines, unitsBySpark } from '../../lib/cli/engine-lines.ts';

const rerouted = (n: number) => ({
  units: n,
  some: Array.from({ length: Math.min(n, 20) }, (_, at) => ({
    unit: `apply/u${at}`,
    name: 'UnitTooLargeError',
    message: 'no room\nin: SELECT',
  })),
});

it('a run without Spark has no lines about it', () => {
  expect(engineLines({ facts: {} })).toEqual([]);
  expect(unitsBySpark({ facts: {} })).toBe(0);
});

it('a run with Spark says how many units of each stage it was given', () => {
  const facts = { spark: { resolve: { units: 1 }, apply: { units: 1_200 } } };
  expect(engineLines({ facts })).toEqual([
    '  by Spark: 1 unit of resolve, 1,200 units of apply; all else by DuckDB',
  ]);
  expect(unitsBySpark({ facts })).toBe(1_201);
});

it('units that were rerouted are told with why, the first of them by name', () => {
  const facts = { spark: { apply: { units: 7 } }, rerouted: { apply: rerouted(7) } };
  const lines = engineLines({ facts });
  expect(lines[1]).toBe('  given to Spark since DuckDB had no room: 7 units');
  expect(lines[2]).toBe('    apply/u0: UnitTooLargeError: no room');
  expect(lines.at(-1)).toBe('    and 2 more');
  expect(lines).toHaveLength(8);
});
