import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { SparkUnitError } from '../../lib/errors.ts';
import { localCatalogName, planPipeline } from '../../lib/run/local/local.ts';
import type { ApplyGroup } from '../../lib/summary/types.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import { enginesOn } from './driver.ts';
import { sparkRunner } from './runner.ts';

const runner = sparkRunner();
/** Units that Spark has been given. */
let given = 0;
/** Makes Spark end in this way the next time, before it has done the first unit. */
let mishap: Error | undefined;
const spark: SparkRunner = {
  run: async (units, options) => {
    given += units.length;
    const error = mishap;
    mishap = undefined;
    // Some of the units are done before Spark ends.
    await runner.run(error === undefined ? units : units.slice(1), options);
    if (error !== undefined) throw error;
  },
};

const bulk = bulkScenario({
  shape: { ...smallShape, historyLength: 12 },
  seed: 62,
  keys: 40,
  months: 6,
  changed: 0.3,
});
/** Twelve late months, then corrections and deletes over the result. */
const scenario = { ...bulk, runs: [1, 2].map((index) => bulk.runs[index] ?? []) };

const open = (work: Readonly<Record<string, unknown>>, root?: string) =>
  openProduct({
    shape: scenario.shape,
    document: { tables: { buckets: 2 }, work, maintenance: { auto: false } },
    spark,
    ...(root === undefined ? {} : { root }),
  });

async function play(product: Product, index: number): Promise<void> {
  await product.drop(scenario.runs[index] ?? []);
  const before = given;
  expectSucceeded(await product.run());
  expect(given).toBeGreaterThan(before);
  await expectTables(product, expectedTables(scenario, index + 1));
}

describe('units of apply by Spark', () => {
  it('copy files into the tables that the rules ask for', async () => {
    await using product = await open({ rewrite: 'copy-on-write', engine: 'spark' });
    await bulkLoad(product, scenario.initial);
    await play(product, 0);
    await play(product, 1);
  });

  it('mark old rows and write new ones beside them, over deletes of earlier runs, as every reader sees', async () => {
    const root = await mkdtemp(join(tmpdir(), 'partwise-by-spark-'));
    await using product = await open({ rewrite: 'merge-on-read', engine: 'spark' }, root);
    await bulkLoad(product, scenario.initial);
    await play(product, 0);
    await play(product, 1);
    const engines = enginesOn(root);
    const expected = expectedTables(scenario).summary;
    const sorted = (rows: readonly (readonly unknown[])[]) => rows.map((row) => JSON.stringify(row)).sort();
    const bySpark = await engines.spark(
      `SELECT acct, CAST(balance_history AS array<string>) AS balances, rating_history AS ratings FROM ${localCatalogName}.partwise.proof_summary`,
    );
    expect(sorted(bySpark.map((row) => [row.acct, row.balances, row.ratings]))).toEqual(
      sorted(expected.map((row) => [row.key, row.arrays.balance, row.arrays.rating])),
    );
    const byPython = await engines.pyiceberg('partwise.proof_summary');
    expect(sorted(byPython.map((row) => [row.acct, row.rating_history]))).toEqual(
      sorted(expected.map((row) => [row.key, row.arrays.rating])),
    );
    await rm(root, { recursive: true, force: true });
  });
});

describe('a unit with copied and with kept files', () => {
  it('writes whole files of the ones and changed rows of the others', async () => {
    await using product = await open({ rewrite: 'auto', maxDeadFraction: 0.6, engine: 'spark' });
    await bulkLoad(product, scenario.initial);
    await product.drop(scenario.runs[0] ?? []);
    const outcome = await product.run();
    expectSucceeded(outcome);
    const units = await unitGroups(String(outcome.plan?.stages.find(({ name }) => name === 'apply')?.items));
    const modes = units.map((groups) => [...new Set(groups.map(({ mode }) => mode))].sort());
    expect(modes).toContainEqual(['copy-on-write', 'merge-on-read']);
    await expectTables(product, expectedTables(scenario, 1));
  });
});

describe('a run with units of both engines', () => {
  it('is one snapshot with the rows that the rules ask for', async () => {
    await using probe = await open({ rewrite: 'merge-on-read', fromMonth: '2025-11', engine: 'spark' });
    await bulkLoad(probe, scenario.initial);
    await probe.drop(scenario.runs[0] ?? []);
    const { plan } = await planPipeline({ world: probe.world, config: probe.config });
    expect(plan?.explanation.join('\n')).toMatch(
      /engine: 2 of 2 units of resolve and 2 of 2 units of apply by Spark/,
    );
    const sizes = await unitBytes(String(plan?.stages.find(({ name }) => name === 'apply')?.items));
    const between = (Math.min(...sizes) + Math.max(...sizes)) / 2 / 1e3;

    await using product = await open({
      rewrite: 'merge-on-read',
      strategy: 'partitionwise',
      fromMonth: '2025-11',
      sparkAbove: `${between.toFixed(3)} KB`,
    });
    await bulkLoad(product, scenario.initial);
    await product.drop(scenario.runs[0] ?? []);
    const before = given;
    const snapshots = await metadataFiles(product);
    const outcome = await product.run();
    expectSucceeded(outcome);
    expect(outcome.plan?.explanation.join('\n')).toMatch(/engine: .*1 of 2 units of apply/);
    expect(given).toBeGreaterThan(before);
    expect(await metadataFiles(product)).toBe(snapshots + 1);
    await expectTables(product, expectedTables(scenario, 1));
  });
});

describe('a unit that Spark did not finish', () => {
  it('leaves the tables as they were, and a resume does it again', async () => {
    await using product = await open({ rewrite: 'copy-on-write', engine: 'spark' });
    await bulkLoad(product, scenario.initial);
    await product.drop(scenario.runs[0] ?? []);
    mishap = new SparkUnitError('the Spark process ended: killed');
    const failed = await product.run();
    expect(failed.run?.error?.name).toBe('SparkUnitError');
    await expectTables(product, expectedTables({ ...scenario, runs: [] }));
    expectSucceeded(await product.resume(failed.run?.runId ?? ''));
    await expectTables(product, expectedTables(scenario, 1));
  });
});

/** Bytes of the data files of each unit. */
async function unitBytes(items: string): Promise<readonly number[]> {
  const units = await unitGroups(items);
  return units.map((groups) =>
    groups.flatMap(({ files }) => files).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
}

async function unitGroups(items: string): Promise<readonly (readonly ApplyGroup[])[]> {
  const lines = (await readFile(items.replace('file://', ''), 'utf8'))
    .split('\n')
    .filter((line) => line !== '');
  return Promise.all(
    lines.map(async (line) => {
      const { specification, offset, length } = JSON.parse(line);
      const bytes = await readFile(specification.replace('file://', ''));
      return JSON.parse(bytes.subarray(offset, offset + length).toString()).groups;
    }),
  );
}

async function metadataFiles({ world }: Product): Promise<number> {
  const folder = join(world.rootPath, 'warehouse/partwise/proof_summary/metadata');
  if (!(await stat(folder)).isDirectory()) return 0;
  return (await readdir(folder)).filter((name) => name.endsWith('.metadata.json')).length;
}
