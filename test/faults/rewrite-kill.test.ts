import { expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { expectedTables, expectSucceeded, expectTables } from '../summary/product.ts';
import { withBuckets, wrongIn } from '../summary/rewritten.ts';
import { makeSite, newestRun } from './site.ts';

const full = bulkScenario({ shape: smallShape, seed: 35, keys: 20, months: 5, changed: 0.3 });
const scenario = { ...full, runs: [full.runs.slice(1, 3).flat(), full.runs[3] ?? []] };
const document = modeDocument({ strategy: 'auto', rewrite: 'merge-on-read', buckets: 2 });
const command = ['rebucket', '--buckets', '3'];

for (const step of [
  'claimed',
  'planned',
  'unit:rewrite#2',
  'after-checkpoint:rewrite',
  'after-checkpoint:compare',
  'before-swap',
  'after-swap',
  'settled',
]) {
  it(`a rebucket is finished by the same command after kill -9 at ${step}`, async () => {
    await using site = await makeSite(scenario, document);
    await site.visit(async (product) => {
      await product.drop(scenario.runs[0] ?? []);
      expectSucceeded(await product.run());
    });
    const killed = await site.cli(command, { env: { PARTWISE_KILL_AT: step } });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const finished = await site.cli(command);
    expect(finished.code, finished.stderr).toBe(0);
    await site.visit(async (product) => {
      await expectTables(product, expectedTables(scenario, 1));
      expect(await wrongIn(product)).toEqual([]);
      await using later = await withBuckets(product, 3);
      await later.drop(scenario.runs[1] ?? []);
      expectSucceeded(await later.run());
      await expectTables(later, expectedTables(scenario, 2));
    });
  });
}

it('a rebucket that was killed can be given up: the tables are as before, and runs go on', async () => {
  await using site = await makeSite(scenario, document);
  const killed = await site.cli(command, { env: { PARTWISE_KILL_AT: 'after-checkpoint:compare' } });
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  const run = await newestRun(site);
  const cancelled = await site.cli(['cancel', run?.runId ?? '']);
  expect(cancelled.code, cancelled.stderr).toBe(0);
  await site.visit(async (product) => {
    await product.drop(scenario.runs[0] ?? []);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, 1));
  });
});
