import fc from 'fast-check';
import { describe, it } from 'vitest';
import { scenarios } from '../generators/arbitraries.ts';
import { bulkScenario } from '../generators/bulk.ts';
import type { Scenario } from '../generators/scenario.ts';
import { smallShape, wideShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { mortal } from './crashes.ts';
import { campaign, type Mode, modeDocument, modes } from './modes.ts';

/** Plays the scenario and compares all three tables with the oracle after every run. */
async function play(scenario: Scenario, mode: Mode): Promise<void> {
  await using product = await openProduct({ shape: scenario.shape, document: modeDocument(mode) });
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, index + 1));
  }
}

describe('the tables equal the rebuild from every record ever accepted', () => {
  it('whatever the files, batches, order, duplicates, deletes and gaps, and however the work is done', async () => {
    await fc.assert(fc.asyncProperty(scenarios(), modes, play), campaign(10));
  });

  it('when stale records apply, batch by batch', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios({ onStale: 'apply', maxRecords: 30 }), modes, play),
      campaign(4),
    );
  });

  it('when runs die at any step, also while they recover', async () => {
    const deaths = fc.array(fc.option(fc.nat(40)), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(scenarios({ maxRecords: 30, maxFiles: 4 }), modes, deaths, playDying),
      campaign(6),
    );
  });

  it('with the old systems’ shapes on 20 arrays of 36 months', async () => {
    await play(bulkScenario({ shape: wideShape, seed: 7, keys: 60, months: 14, changed: 0.25 }), {
      strategy: 'auto',
      rewrite: 'auto',
      buckets: 4,
    });
  });

  it('with many keys and both ways of rewriting in one run', async () => {
    const scenario = bulkScenario({
      shape: { ...smallShape, historyLength: 12 },
      seed: 8,
      keys: 600,
      months: 18,
      changed: 0.1,
    });
    await play(scenario, { strategy: 'partitionwise', rewrite: 'auto', buckets: 2 });
  });
});

async function playDying(scenario: Scenario, mode: Mode, deaths: readonly (number | null)[]): Promise<void> {
  const life = mortal();
  let skewMs = 0;
  /** The dead do not renew their lease: by the time somebody looks, it has run out. */
  const wait = () => {
    skewMs += 60_000;
  };
  await using product = await openProduct({
    shape: scenario.shape,
    document: modeDocument(mode),
    step: life.step,
    clock: { now: () => Date.now() + skewMs },
  });
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    life.dieIn(deaths[2 * index] ?? undefined);
    let outcome = await product.run().catch(() => undefined);
    const again = deaths[2 * index + 1];
    if (life.diedAt !== undefined && again !== null && again !== undefined) {
      life.dieIn(again);
      wait();
      outcome = await recover(product, outcome?.run?.runId).catch(() => undefined);
    }
    if (life.diedAt !== undefined) {
      life.dieIn(undefined);
      wait();
      outcome = await recover(product, outcome?.run?.runId);
    }
    if (outcome?.run !== undefined && outcome.run.status !== 'empty') expectSucceeded(outcome);
    await expectTables(product, expectedTables(scenario, index + 1));
  }
}

/** Resumes the unfinished run if there is one, then takes in what no run has claimed. */
async function recover(product: Awaited<ReturnType<typeof openProduct>>, runId: string | undefined) {
  const unfinished =
    runId ??
    (await product.world.state.runs.list(product.config.pipeline)).find(
      (run) => run.status !== 'succeeded' && run.status !== 'empty',
    )?.runId;
  if (unfinished !== undefined) expectSucceeded(await product.resume(unfinished));
  const outcome = await product.run();
  return outcome;
}
