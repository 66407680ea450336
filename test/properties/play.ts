import type { Scenario } from '../generators/scenario.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { mortal } from './crashes.ts';
import { type Mode, modeDocument } from './modes.ts';

/** Plays the scenario and compares all three tables with the oracle after every run. */
export async function play(scenario: Scenario, mode: Mode): Promise<void> {
  await using product = await openProduct({ shape: scenario.shape, document: modeDocument(mode) });
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, index + 1));
  }
}

/** The same with runs that die at the given steps and are resumed. */
export async function playDying(
  scenario: Scenario,
  mode: Mode,
  deaths: readonly (number | null)[],
): Promise<void> {
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
