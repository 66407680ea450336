import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PointScenario } from '../generators/points.ts';
import { pointScenarios } from '../generators/points.ts';
import { rollupExamples } from '../oracle/rollup-examples.ts';
import { rollupOracle } from '../oracle/rollup-oracle.ts';
import { openRollup } from './product.ts';

test.each(rollupExamples.map((example) => [example.name, example] as const))(
  'worked example: %s',
  { timeout: 60_000 },
  async (_name, { rules, batches }) => {
    await play({ idType: 'string', rules, batches }, 3);
  },
);

test('after every batch the rows are the oracle’s, whatever the points, files and batches', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(pointScenarios(), fc.nat(100), async (scenario, seed) => play(scenario, seed)),
    { numRuns: Number(process.env['PARTWISE_RUNS'] ?? 20) },
  );
});

/** Batches before the first file are none: the pipeline begins with the batch in which its first file arrives. */
async function play(scenario: PointScenario, seed: number): Promise<void> {
  const { rules, idType } = scenario;
  const first = scenario.batches.findIndex((batch) => batch.files.length > 0);
  if (first < 0) return;
  const batches = scenario.batches.slice(first);
  await using product = await openRollup({ rules, idType, seed });
  for (const [index, batch] of batches.entries()) {
    await product.arrive(batch);
    const { run } = await product.run(batch);
    expect(run?.error).toBeUndefined();
    expect(run?.status).toBe('succeeded');
    const expected = rollupOracle(rules, batches.slice(0, index + 1));
    expect(await product.rows()).toEqual(expected.rows.map(({ batch: _, ...row }) => row));
    expect(await product.open()).toEqual(expected.open);
    const report = run?.facts['rollup'] as { closedThroughMs: number | null; points: Record<string, number> };
    expect(report.closedThroughMs ?? undefined).toBe(expected.closedThroughMs);
    const count = (refused: typeof expected.tooLate) =>
      refused.filter((one) => one.batch === batch.batch).length;
    expect(report.points['tooLate']).toBe(count(expected.tooLate));
    expect(report.points['tooFar']).toBe(count(expected.tooFar));
    expect(report.points['duplicates']).toBe(expected.duplicates[index]);
  }
}
