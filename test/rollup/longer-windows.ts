import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { rollupOracle } from '../oracle/rollup-oracle.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';

const dayMs = 86_400_000;

/** Values of all sizes, all published, so that a day's sketch is one of many windows'. */
export const spreadBatches = {
  rules: { ...threeBatches.rules, quantiles: { accuracyMillionths: 10_000, millionths: [500_000, 990_000] } },
  batches: Array.from({ length: 3 }, (_, batch) =>
    batchOf(
      batch,
      Array.from({ length: 120 }, (_, at) => ({
        ...pointAt(batch * 300 + at * 2, 0, at % 3 === 0 ? 'cpu' : 'disk'),
        value: (at % 5 === 0 ? -1n : 1n) * (BigInt(at * 7919 + batch) ** 3n % 10n ** BigInt(1 + (at % 18))),
      })),
      { flush: batch === 2 },
    ),
  ),
};

/** A query of the documentation, over windows of five minutes in place of an hour. */
export async function longerWindows(engine: 'duckdb' | 'spark'): Promise<string> {
  const text = await readFile(`${import.meta.dirname}/../../docs/rollup.md`, 'utf8');
  const [, section = ''] = text.split('\n### Longer windows\n');
  const queries = [...section.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, query = '']) => query);
  const query = queries[engine === 'duckdb' ? 0 : 1] ?? '';
  expect(query).toContain('resolution = 3600000');
  return query.replace('resolution = 3600000', 'resolution = 300000');
}

/** What the query finds is what the oracle has for windows of a day, but for the last digits. */
export function expectMerged(rows: readonly Readonly<Record<string, unknown>>[]): void {
  const { rules, batches } = spreadBatches;
  const resolutionsMs = [...rules.resolutionsMs, dayMs];
  const days = rollupOracle({ ...rules, resolutionsMs }, batches).rows.filter(
    (row) => row.resolutionMs === dayMs,
  );
  expect(rows.map((row) => [row['id'], String(row['n'])])).toEqual(
    days.map((row) => [row.id, String(row.count)]),
  );
  for (const [at, row] of days.entries()) {
    const expected = row.estimates?.at(-1) ?? Number.NaN;
    expect(Math.abs(Number(rows[at]?.['p99']) - expected)).toBeLessThanOrEqual(1e-12 * Math.abs(expected));
  }
}
