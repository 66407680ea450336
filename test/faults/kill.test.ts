import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { expectedTables, expectTables } from '../summary/product.ts';
import { readTables, type StoredTables } from '../summary/tables.ts';
import { attemptsOfRun, checkpointsOfRun, makeSite, newestRun, type Site } from './site.ts';

const full = bulkScenario({
  shape: { ...smallShape, historyLength: 8 },
  seed: 21,
  keys: 60,
  months: 10,
  changed: 0.3,
});
/** One run: late months, corrections and deletes at once. */
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const document = modeDocument({ strategy: 'partitionwise', rewrite: 'auto', buckets: 3 });

/** Where the process ends, and where it ends again while it recovers. */
const deaths: readonly (readonly [first: string, again?: string])[] = [
  ['claimed', 'unit:prepare'],
  ['manifest'],
  ['unit:prepare#2'],
  ['before-checkpoint:prepare'],
  ['after-checkpoint:prepare', 'planned'],
  ['planned'],
  ['unit:resolve#2'],
  ['before-checkpoint:resolve#2'],
  ['after-checkpoint:resolve#2', 'before-checkpoint:apply'],
  ['unit:apply'],
  ['before-checkpoint:apply#2'],
  ['after-checkpoint:apply#2', 'before-swap'],
  ['audited', 'audited'],
  ['before-stage'],
  ['before-swap', 'after-swap'],
  ['after-swap', 'published'],
  ['published'],
  ['settled'],
];

describe('a run that is killed and resumed', () => {
  let undisturbed: StoredTables;

  beforeAll(async () => {
    await using site = await droppedSite();
    const result = await site.cli(['run']);
    expect(result.code, result.stderr).toBe(0);
    undisturbed = await site.visit(({ world }) => readTables(world));
    await site.visit((product) => expectTables(product, expectedTables(scenario)));
  });
  const sites: Site[] = [];
  afterAll(async () => {
    for (const site of sites) await site[Symbol.asyncDispose]();
  });

  for (const [first, again] of deaths) {
    it(`ends with the same tables after kill -9 at ${first}${again === undefined ? '' : `, and again at ${again}`}`, async () => {
      const site = await droppedSite();
      sites.push(site);
      const killed = await site.cli(['run'], { env: { PARTWISE_KILL_AT: first } });
      expect(killed.signal, killed.stderr).toBe('SIGKILL');
      const run = await newestRun(site);
      if (run === undefined) throw new Error('the killed run left no record');
      const before = await checkpointsOfRun(site, run.runId);

      if (again !== undefined) {
        const killedAgain = await site.cli(['resume', run.runId], { env: { PARTWISE_KILL_AT: again } });
        expect(killedAgain.signal, killedAgain.stderr).toBe('SIGKILL');
      }
      const resumed = await site.cli(['resume', run.runId]);
      expect(resumed.code, resumed.stderr).toBe(0);

      const after = await checkpointsOfRun(site, run.runId);
      const attempts = await attemptsOfRun(site, run.runId);
      for (const checkpoint of before) {
        expect(after).toContainEqual(checkpoint);
        expect(attempts.get(`${checkpoint.stage}/${checkpoint.unit}`), `attempts at ${checkpoint.unit}`).toBe(
          1,
        );
      }
      const tables = await site.visit(({ world }) => readTables(world));
      expect(withoutRuns(tables)).toEqual(withoutRuns(undisturbed));
      const nothing = await site.cli(['run']);
      expect(nothing.code, nothing.stderr).toBe(0);
      expect(await site.visit(({ world }) => readTables(world))).toEqual(tables);
    });
  }
});

async function droppedSite(): Promise<Site> {
  const site = await makeSite(scenario, document);
  await site.visit((product) => product.drop(scenario.runs.flat()));
  return site;
}

/** Rows in one order, without the run's name. */
function withoutRuns(tables: StoredTables): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(tables).map(([role, rows]) => [
      role,
      (rows as StoredTables['summary'])
        .map(({ changed_run: run, ...row }) => JSON.stringify({ ...row, changedByRun: run !== 'bulk-load' }))
        .sort(),
    ]),
  );
}
