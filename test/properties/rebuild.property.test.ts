import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runTask } from '../../lib/run/local/local-task.ts';
import type { RebuildTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { scenarios } from '../generators/arbitraries.ts';
import type { Scenario } from '../generators/scenario.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { staleArrays } from '../summary/stale-arrays.ts';
import { readTables } from '../summary/tables.ts';
import { campaign, type Mode, modeDocument, modes } from './modes.ts';

type By = 'month' | 'key' | 'both';

async function staleAndRebuild(scenario: Scenario, mode: Mode, modulus: number, by: By): Promise<void> {
  await using product = await openProduct({ shape: scenario.shape, document: modeDocument(mode) });
  const { world, config } = product;
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    expectSucceeded(await product.run());
    const expected = expectedTables(scenario, index + 1);
    if ((await readTables(world)).summary.length === 0) continue;
    const stale = `hash(r.acct, r.as_of) % ${modulus} = 0`;
    const change = (rows: string, table: string) => staleArrays(scenario.shape, rows, table, stale);
    await writeForeign(world, 'summary', change, 'any');
    const keys = [...new Set(expected.summary.map(({ key }) => key))];
    const numbers = expected.summary.map(({ month }) => month);
    const months = { first: Math.min(...numbers), last: Math.max(...numbers) };
    const task: RebuildTask = {
      kind: 'rebuild',
      ...(by === 'month' ? {} : { keys }),
      ...(by === 'key' ? {} : { months }),
    };
    expectSucceeded(await runTask({ world, config, task }));
    await expectTables(product, expected);
    expect((await verifyTables(world, config, { full: true })).passed).toBe(true);
  }
}

it('the tables are what the oracle says after a rebuild of stale arrays, and later runs go on from them', async () => {
  const ways = fc.constantFrom<By>('month', 'key', 'both');
  const modulus = fc.integer({ min: 1, max: 4 });
  for (const feed of [false, true])
    await fc.assert(
      fc.asyncProperty(
        scenarios({ maxRecords: 30, maxFiles: 3, feed }),
        modes,
        modulus,
        ways,
        staleAndRebuild,
      ),
      campaign(feed ? 2 : 4),
    );
});
