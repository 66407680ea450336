import { expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables } from '../summary/product.ts';
import { readTables } from '../summary/tables.ts';
import { attemptsOfRun, checkpointsOfRun, makeSite, newestRun, type Site } from './site.ts';

const full = bulkScenario({ shape: smallShape, seed: 33, keys: 40, months: 8, changed: 0.3 });
/** One run: late months, corrections and deletes at once. */
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 3 });

/** Tables after a run, with every third row of latest gone and the arrays of others stale. */
async function damagedSite(): Promise<Site> {
  const site = await makeSite(scenario, document);
  await site.visit(async (product) => {
    await product.drop(scenario.runs.flat());
    expectSucceeded(await product.run());
    await writeForeign(
      product.world,
      'latest',
      (rows) =>
        `SELECT * REPLACE (CASE WHEN hash(acct) % 3 = 1 THEN list_reverse(balance_history) ELSE balance_history END AS balance_history) FROM ${rows} WHERE hash(acct) % 3 > 0`,
    );
  });
  return site;
}

/** Where the process ends, and where it ends again while it recovers. */
const deaths: readonly (readonly [first: string, again?: string])[] = [
  ['leased'],
  ['claimed', 'planned'],
  ['manifest'],
  ['unit:repair#2', 'unit:repair'],
  ['before-checkpoint:repair'],
  ['after-checkpoint:repair#2', 'before-swap'],
  ['audited'],
  ['before-swap', 'after-swap'],
  ['after-swap', 'published'],
  ['settled'],
];

for (const [first, again] of deaths) {
  it(`a repair of latest is finished by the same command after kill -9 at ${first}${again === undefined ? '' : `, and again at ${again}`}`, async () => {
    await using site = await damagedSite();
    const before = await site.visit(({ world }) => readTables(world));
    const killed = await site.cli(['repair', 'latest'], { env: { PARTWISE_KILL_AT: first } });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const run = await newestRun(site);
    const checkpoints = run === undefined ? [] : await checkpointsOfRun(site, run.runId);
    if (again !== undefined) {
      const killedAgain = await site.cli(['repair', 'latest'], { env: { PARTWISE_KILL_AT: again } });
      expect(killedAgain.signal, killedAgain.stderr).toBe('SIGKILL');
    }
    const repaired = await site.cli(['repair', 'latest']);
    expect(repaired.code, repaired.stderr).toBe(0);
    await site.visit((product) => expectTables(product, expectedTables(scenario)));
    const { summary } = await site.visit(({ world }) => readTables(world));
    expect(summary).toEqual(before.summary);

    const runId = JSON.parse(repaired.stdout).run.runId;
    const attempts = await attemptsOfRun(site, runId);
    for (const { runId: of, stage, unit } of checkpoints)
      if (of === runId) expect(attempts.get(`${stage}/${unit}`), unit).toBe(1);
    const nothing = await site.cli(['repair', 'latest', '--all', '--dry-run']);
    expect(JSON.parse(nothing.stdout)).toMatchObject({ deviating: [] });
  });
}
