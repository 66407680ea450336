import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { text } from '../../lib/engine/sql.ts';
import { herd, keysOf } from '../generators/herd.ts';
import { recordOf } from '../generators/records.ts';
import type { Scenario } from '../generators/scenario.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { exampleShape, exampleTable } from '../summary/examples.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { sparkRunner } from './runner.ts';

const runner = sparkRunner();

const open = (scenario: Scenario, rewrite: string) =>
  openProduct({
    shape: scenario.shape,
    document: { tables: { buckets: 1 }, work: { engine: 'spark', rewrite }, maintenance: { auto: false } },
    spark: runner,
  });

async function expectRight(scenario: Scenario, rewrite: string): Promise<void> {
  await using product = await open(scenario, rewrite);
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    const outcome = await product.run();
    expectSucceeded(outcome);
    expect(outcome.plan?.explanation.join('\n')).toMatch(/1 of 1 units of resolve/);
    await expectTables(product, expectedTables(scenario, index + 1));
  }
}

describe('units of resolve by Spark give random histories the rows that the rules ask for', () => {
  it('with latest marked', async () => {
    const scenario = herd({ seed: 81, histories: 120, historyLength: 6 });
    expect(keysOf(scenario).size).toBeGreaterThanOrEqual(120);
    await expectRight(scenario, 'merge-on-read');
  });

  it('with latest copied, stale records applied, arrays of 36 months', async () => {
    // What is stale and applies goes batch by batch.
    await expectRight(
      herd({ seed: 82, histories: 100, historyLength: 36, onStale: 'apply', maxRecords: 16 }),
      'copy-on-write',
    );
  });

  it('with a deletions feed', async () => {
    await expectRight(herd({ seed: 83, histories: 100, historyLength: 13, feed: true }), 'auto');
  });
});

describe('the first load of a history by Spark', () => {
  const shape = { ...smallShape, historyLength: 36 };
  const lastMonth = 2025 * 12 + 12;
  const records = Array.from({ length: 40 }, (_, key) =>
    Array.from({ length: 36 }, (_, back) =>
      recordOf(shape, {
        key: `k${key}`,
        month: lastMonth - back,
        version: 1,
        ties: [0],
        kind: (key + back) % 11 === 0 ? 'delete' : 'normal',
      }),
    ).filter((_, back) => (key * 7 + back) % 5 > 0),
  ).flat();

  it('gives every month its array', async () => {
    const file = { name: 'all.parquet', format: 'parquet', seed: 1, records } as const;
    await expectRight({ shape, initial: [], runs: [[file]] }, 'auto');
  });
});

describe('the change set of a unit of resolve', () => {
  it('has the columns, types and rows of the one that DuckDB makes, so that either engine applies it', async () => {
    const { initial, runs } = exampleTable();
    const scenario = { shape: exampleShape, initial, runs };
    const [ours, theirs] = [await changeSet(scenario, 'duckdb'), await changeSet(scenario, 'spark')];
    expect(theirs).toEqual(ours);
    expect(ours.rows.length).toBeGreaterThan(10);
  });
});

/** What the first run of the scenario changes. */
async function changeSet(scenario: Scenario, engine: 'duckdb' | 'spark') {
  await using product = await openProduct({
    shape: scenario.shape,
    document: {
      tables: { buckets: 1 },
      work: { engine, strategy: 'partitionwise' },
      maintenance: { auto: false },
    },
    spark: runner,
  });
  await bulkLoad(product, scenario.initial);
  await product.drop(scenario.runs[0] ?? []);
  expectSucceeded(await product.run());
  const [path] = globSync(`${product.world.rootPath}/results/runs/*/**/changes/*.parquet`);
  if (path === undefined) throw new Error('there is no change set');
  await using session = await product.world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${product.world.rootPath}/look`,
  });
  const file = `read_parquet(${text(path)})`;
  return {
    columns: await session.query(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${file})`),
    rows: await session.query(`SELECT * FROM ${file} ORDER BY pw_key, pw_month`),
  };
}

describe('a month that is stored twice', () => {
  it('is refused by name', async () => {
    const scenario = herd({ seed: 84, histories: 4, historyLength: 6, maxRecords: 5 });
    const [row] = scenario.initial;
    if (row === undefined) throw new Error('no row is stored at first');
    await using product = await open(scenario, 'auto');
    await bulkLoad(product, [...scenario.initial, row]);
    const { key, month } = row.normal;
    const record = recordOf(scenario.shape, { key, month, version: 9, ties: [1], kind: 'normal' });
    await product.drop([{ name: 'a.parquet', format: 'parquet', seed: 1, records: [record] }]);
    const { run } = await product.run();
    expect(run?.error).toMatchObject({ name: 'DuplicateStoredKeyError' });
    expect(run?.error?.message).toContain(key);
  });
});
