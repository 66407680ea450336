import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runTask } from '../../lib/run/local/local-task.ts';
import type { RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { scenarios } from '../generators/arbitraries.ts';
import type { Scenario } from '../generators/scenario.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { readTables } from '../summary/tables.ts';
import { campaign, type Mode, modeDocument, modes } from './modes.ts';

/** A statement of another writer on the rows of latest for which `some` holds. */
const statements: readonly ((rows: string, some: string) => string)[] = [
  (rows, some) => `SELECT * FROM ${rows} WHERE NOT ${some}`,
  (rows, some) => `SELECT * FROM ${rows} UNION ALL SELECT * FROM ${rows} WHERE ${some}`,
  (rows, some) =>
    `SELECT * FROM ${rows} UNION ALL SELECT * REPLACE ('2018-05' AS as_of, NULL AS pw_newest_month) FROM ${rows} WHERE ${some}`,
  (rows, some) => `SELECT * REPLACE (CASE WHEN ${some} THEN '2018-05' ELSE as_of END AS as_of) FROM ${rows}`,
  (rows, some) =>
    `SELECT * REPLACE (CASE WHEN ${some} THEN NULL ELSE balance_history END AS balance_history) FROM ${rows}`,
  (rows, some) =>
    `SELECT * REPLACE (CASE WHEN ${some} THEN list_reverse(rating_history) ELSE rating_history END AS rating_history, balance + 1 AS balance) FROM ${rows}`,
  (rows, some) =>
    `SELECT * REPLACE (CASE WHEN ${some} THEN pw_rec_version - INTERVAL 1 DAY ELSE pw_rec_version END AS pw_rec_version, 'other' AS changed_run) FROM ${rows}`,
];

const damage = fc.record({
  statement: fc.nat(statements.length - 1),
  modulus: fc.integer({ min: 1, max: 4 }),
});
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

async function damageAndRepair(scenario: Scenario, mode: Mode, damages: readonly Damage[]): Promise<void> {
  await using product = await openProduct({ shape: scenario.shape, document: modeDocument(mode) });
  const { world, config } = product;
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    expectSucceeded(await product.run());
    if ((await readTables(world)).latest.length === 0) continue;
    for (const { statement, modulus } of damages) {
      const change = statements[statement];
      if (change === undefined) throw new Error('no such statement');
      await writeForeign(world, 'latest', (rows) => change(rows, `(hash(acct) % ${modulus} = 0)`), 'any');
    }
    const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'suspect' };
    expectSucceeded(await runTask({ world, config, task }));
    await expectTables(product, expectedTables(scenario, index + 1));
    expect((await verifyTables(world, config, { full: true })).passed).toBe(true);
  }
}

it('latest is what the oracle says after a repair, whatever other writers did to it, and later runs go on from it', async () => {
  const damages = fc.array(damage, { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(scenarios({ maxRecords: 30, maxFiles: 3 }), modes, damages, damageAndRepair),
    campaign(4),
  );
  await fc.assert(
    fc.asyncProperty(scenarios({ maxRecords: 30, maxFiles: 3, feed: true }), modes, damages, damageAndRepair),
    campaign(2),
  );
});
