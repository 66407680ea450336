import { expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables } from '../summary/product.ts';
import { staleArrays } from '../summary/stale-arrays.ts';
import { makeSite } from './site.ts';

const full = bulkScenario({ shape: smallShape, seed: 34, keys: 30, months: 7, changed: 0.3 });
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 2 });
const command = ['rebuild', '--month', '2024-01..2026-12'];

for (const step of [
  'claimed',
  'planned',
  'unit:rebuild#2',
  'after-checkpoint:rebuild',
  'before-swap',
  'after-swap',
  'settled',
]) {
  it(`a rebuild is finished by the same command after kill -9 at ${step}`, async () => {
    await using site = await makeSite(scenario, document);
    await site.visit(async (product) => {
      await product.drop(scenario.runs.flat());
      expectSucceeded(await product.run());
      await writeForeign(product.world, 'summary', (rows, table) =>
        staleArrays(scenario.shape, rows, table, 'hash(r.acct) % 2 = 0'),
      );
    });
    const killed = await site.cli(command, { env: { PARTWISE_KILL_AT: step } });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const rebuilt = await site.cli(command);
    expect(rebuilt.code, rebuilt.stderr).toBe(0);
    await site.visit((product) => expectTables(product, expectedTables(scenario)));
  });
}
