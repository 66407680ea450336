import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pointScenarios } from '../generators/points.ts';
import { expectOracle } from './checks.ts';
import { openRollup } from './product.ts';

/** Says that there is a Spark, which no unit here is large enough for. */
const spark = { run: () => Promise.reject(new Error('no unit is for Spark')) };

/** Series are spread by another hash where Spark may run units; several units of a batch read one file of the state then. */
const spreadings = [
  { engine: 'auto', sparkAbove: '1 TB', unitPoints: 1_000 },
  { engine: 'auto', sparkAbove: '1 TB', unitPoints: 4 },
  { engine: 'duckdb', unitPoints: 4 },
] as const;

test('a state is read whatever hash its parts are by, whole or divided anew', {
  timeout: 600_000,
}, async () => {
  const scenarios = fc
    .sample(pointScenarios(), { seed: 43, numRuns: 12 })
    .map(({ batches, ...rest }) => ({
      ...rest,
      batches: batches.slice(batches.findIndex((batch) => batch.files.length > 0)),
    }))
    .filter(({ batches }) => batches.length > 2);
  expect(scenarios.length).toBeGreaterThan(2);
  for (const [seed, { rules, idType, batches }] of scenarios.entries()) {
    await using product = await openRollup({ rules, idType, seed, spark });
    for (const [index, batch] of batches.entries()) {
      await product.arrive(batch);
      const work = spreadings[(index + seed) % spreadings.length];
      const { run } = await product.run(batch, work === undefined ? {} : { work });
      expect(run?.error).toBeUndefined();
      await expectOracle(product, batches, index + 1);
    }
  }
});
