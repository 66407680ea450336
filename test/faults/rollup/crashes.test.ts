import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointScenarios } from '../../generators/points.ts';
import { batchesOf, expectOracle } from '../../rollup/checks.ts';
import { failingStep } from '../../rollup/failing-step.ts';
import { openRollup, type RollupProduct } from '../../rollup/product.ts';
import { threeBatches } from '../../rollup/scenario.ts';

const steps = [
  'leased',
  'claimed',
  'manifest',
  'unit:prepare',
  'before-checkpoint:prepare',
  'after-checkpoint:prepare',
  'planned',
  'unit:rollup',
  'before-checkpoint:rollup',
  'after-checkpoint:rollup',
  'audited',
  'state-written',
  'before-stage',
  'before-swap',
  'after-swap',
  'published',
  'settled',
] as const;

describe('a batch that fails on its way gives the oracle’s rows once it is run again', () => {
  for (const again of ['run', 'resume'] as const) {
    test.each(steps)(`failed at %s, then ${again}`, async (name) => {
      const stopper = failingStep();
      await using product = await openRollup({ rules: threeBatches.rules, step: stopper.step });
      for (const [index, batch] of threeBatches.batches.entries()) {
        await product.arrive(batch);
        stopper.arm(name);
        const failed = await product.run(batch).catch(() => undefined);
        expect(stopper.fired).toBe(true);
        const runId = failed?.run?.runId ?? (await newestRun(product))?.runId;
        const isHeld = name !== 'leased' && again === 'resume' && runId !== undefined;
        const { run } = isHeld ? await product.resume(runId) : await product.run(batch);
        expect(run?.error).toBeUndefined();
        expect(run?.status).toBe('succeeded');
        await expectOracle(product, threeBatches.batches, index + 1);
      }
      expect(await batchesOf(product)).toEqual(['0', '1', '2']);
    });
  }
});

test('whatever steps fail, in whichever batches, the rows and the batches are those of a life without failures', async () => {
  const failures = fc.array(fc.option(fc.integer({ min: 1, max: 24 }), { nil: undefined }), {
    minLength: 12,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(
      pointScenarios({ maxPoints: 20, maxBatches: 4 }),
      failures,
      fc.nat(100),
      async (scenario, failing, seed) => {
        const first = scenario.batches.findIndex((batch) => batch.files.length > 0);
        if (first < 0) return;
        const batches = scenario.batches.slice(first);
        const stopper = failingStep();
        await using product = await openRollup({ ...scenario, seed, step: stopper.step });
        for (const [index, batch] of batches.entries()) {
          await product.arrive(batch);
          let succeeded = false;
          for (const nth of [...failing.slice(index * 3, index * 3 + 3), undefined]) {
            if (nth !== undefined) stopper.armNth(nth);
            const outcome = await product.run(batch).catch(() => undefined);
            stopper.disarm();
            succeeded = outcome?.run?.status === 'succeeded';
            if (succeeded) break;
          }
          expect(succeeded).toBe(true);
          await expectOracle(product, batches, index + 1);
        }
        expect(await batchesOf(product)).toEqual(batches.map(({ batch }) => String(batch)));
      },
    ),
    { numRuns: Number(process.env['RUNS'] ?? 15) },
  );
});

async function newestRun({ world, config }: RollupProduct) {
  return (await world.state.runs.list(config.pipeline, 1))[0];
}
