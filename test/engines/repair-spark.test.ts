import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { SparkUnitError, UnitTooLargeError } from '../../lib/errors.ts';
import { resumeRun } from '../../lib/run/local/local.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { lookAtLatest } from '../../lib/summary/repair/look.ts';
import type { RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import { readTables, tableIdentifier } from '../summary/tables.ts';
import { sparkRunner } from './runner.ts';

/** Repairs of latest by Spark: the rows of the oracle, and those that DuckDB makes of the same damage. */

const full = bulkScenario({ shape: smallShape, seed: 5, keys: 40, months: 9, changed: 0.3 });
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'all' };
const keys = expectedTables(scenario).latest.map(({ key }) => key);

const runner = sparkRunner();
/** In place of the runner, once. */
let instead: SparkRunner['run'] | undefined;
/** Called at each step of a run. */
let atStep: (name: string) => void = () => undefined;
let units = 0;
let product: Product;

beforeAll(async () => {
  const spark: SparkRunner = {
    run: async (given, options) => {
      const run = instead ?? runner.run;
      instead = undefined;
      units += given.length;
      await run(given, options);
    },
  };
  product = await openProduct({
    shape: scenario.shape,
    document: {
      tables: { buckets: 3 },
      // Spark looks at each month's files by themselves.
      work: { rewrite: 'merge-on-read', unitBytes: '1 KB' },
      maintenance: { auto: false },
    },
    spark,
    step: async (name) => atStep(name),
  });
  await bulkLoad(product, scenario.initial);
  await product.drop(scenario.runs[0] ?? []);
  expectSucceeded(await product.run());
});
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
});

async function repair(work: Readonly<Record<string, unknown>>) {
  const { world, config } = product;
  units = 0;
  return runTask({ world, config: { ...config, work: { ...config.work, ...work } }, task });
}

const list = (some: readonly string[]) => some.map((key) => `'${key.replaceAll("'", "''")}'`).join(', ');
const [gone, twice, moved, stale, other] = [0, 5, 10, 15, 20].map((at) => list(keys.slice(at, at + 3)));

/** All that can be wrong with a key, each for three of them. */
function damage(): Promise<void> {
  return writeForeign(
    product.world,
    'latest',
    (rows) => `SELECT * REPLACE (
        CASE WHEN acct IN (${moved}) THEN '2019-01' ELSE as_of END AS as_of,
        CASE WHEN acct IN (${stale}) THEN [balance_history[1], balance_history[3], balance_history[2]] || balance_history[4:] ELSE balance_history END AS balance_history,
        CASE WHEN acct IN (${other}) THEN NULL ELSE status END AS status)
      FROM (SELECT * FROM ${rows} WHERE acct NOT IN (${gone})
        UNION ALL SELECT * FROM ${rows} WHERE acct IN (${twice})
        UNION ALL SELECT * REPLACE ('none-' || acct AS acct) FROM ${rows} WHERE acct IN (${twice}))`,
  );
}

describe('latest made anew by Spark', () => {
  it('has the rows of the oracle whatever another writer left of it, the same as by DuckDB', async () => {
    const { world, config } = product;
    await damage();
    const damaged = await lookAtLatest(world, config, 'all');
    const ours = await repair({ engine: 'duckdb' });
    expectSucceeded(ours);
    expect(units).toBe(0);
    const rows = (await readTables(world)).latest;
    await expectTables(product, expectedTables(scenario));

    await damage();
    const theirs = await repair({ engine: 'spark' });
    expectSucceeded(theirs);
    expect(units).toBe(3);
    expect(theirs.plan?.explanation.join('\n')).toContain('engine: 3 of 3 units by Spark');
    expect(sorted((await readTables(world)).latest)).toEqual(sorted(rows));
    await expectTables(product, expectedTables(scenario));
    expect(theirs.run?.facts['latestRepair']).toEqual(ours.run?.facts['latestRepair']);
    const found = damaged.deviating.flatMap(({ kinds }) => Object.entries(kinds));
    expect(new Set(found.filter(([, n]) => n > 0).map(([kind]) => kind))).toEqual(
      new Set(['missing', 'surplus', 'twice', 'wrongMonth', 'wrongRow']),
    );
    expect((await verifyTables(world, config, { full: true })).passed).toBe(true);
  });

  it('commits nothing when no key deviates', async () => {
    const outcome = await repair({ engine: 'spark' });
    expectSucceeded(outcome);
    expect(outcome.run?.facts['latestRepair']).toMatchObject({ buckets: 3, bucketsWritten: 0 });
    expect(outcome.run?.facts['published']).toEqual([]);
  });

  it('is made from nothing, some buckets by Spark and the others by DuckDB', async () => {
    const { world } = product;
    await world.catalog.drop(tableIdentifier('latest'));
    let begun = 0;
    atStep = (name) => {
      if (name !== 'unit:repair') return;
      begun += 1;
      if (begun === 1) throw new UnitTooLargeError('no room');
    };
    const outcome = await repair({ engine: 'auto' });
    atStep = () => undefined;
    expectSucceeded(outcome);
    expect(units).toBe(1);
    expect(outcome.run?.facts['rerouted']).toMatchObject({ repair: { units: 1 } });
    await expectTables(product, expectedTables(scenario));
  });

  it('goes on after Spark has died with what it had not done', async () => {
    const { world, config } = product;
    await damage();
    instead = async (given, options) => {
      await runner.run(given.slice(0, 1), options);
      throw new SparkUnitError('killed');
    };
    const first = await repair({ engine: 'spark' });
    expect(first.run?.error?.name).toBe('SparkUnitError');
    units = 0;
    expectSucceeded(await resumeRun({ world, config, runId: first.run?.runId ?? '' }));
    expect(units).toBe(2);
    await expectTables(product, expectedTables(scenario));
  });

  it('refuses a bucket in which summary holds a month twice', async () => {
    await writeForeign(
      product.world,
      'summary',
      (rows) => `SELECT * FROM ${rows} UNION ALL SELECT * FROM ${rows} WHERE acct = '${keys[0]}'`,
    );
    const outcome = await repair({ engine: 'spark' });
    expect(outcome.run?.error?.name).toBe('DuplicateStoredKeyError');
    expect(outcome.run?.error?.message).toContain(keys[0]);
  });
});

function sorted(rows: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
}
