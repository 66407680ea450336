import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { SparkUnitError, UnitTooLargeError } from '../../lib/errors.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
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
import { type Engines, enginesOn } from './driver.ts';
import { maintainBySpark } from './maintenance.ts';
import { sparkRunner } from './runner.ts';

/** Runs whose stages have different engines, and Spark's own maintenance of the tables between and during them. */

const bulk = bulkScenario({
  shape: { ...smallShape, historyLength: 12 },
  seed: 67,
  keys: 60,
  months: 9,
  changed: 0.3,
});
const scenario = { ...bulk, runs: [1, 2, 4, 3, 0].map((index) => bulk.runs[index] ?? []) };
const document = {
  tables: { buckets: 1 },
  work: { strategy: 'partitionwise', rewrite: 'merge-on-read', unitBytes: '1 GB' },
  maintenance: { auto: false },
};

let root = '';
let product: Product;
const runner = sparkRunner();
let engines: Engines;
/** Stages of which every unit is too large for DuckDB. */
let tooLarge: readonly string[] = [];
/** In place of the runner, once. */
let instead: SparkRunner['run'] | undefined;
let begun = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'partwise-mixed-'));
  product = await openProduct({
    shape: scenario.shape,
    document,
    root,
    spark: {
      run: (units, options) => {
        const run = instead ?? runner.run;
        instead = undefined;
        return run(units, options);
      },
    },
    step: async (name) => {
      if (!tooLarge.includes(name.replace('unit:', ''))) return;
      begun += 1;
      // Of each unit the first try, and not its compilation for Spark.
      if (begun % 2 === 1) throw new UnitTooLargeError('no room');
    },
  });
  await bulkLoad(product, scenario.initial);
  engines = enginesOn(root);
});
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function drop(index: number): Promise<void> {
  begun = 0;
  await product.drop(scenario.runs[index] ?? []);
}

async function expectHolds(runs: number): Promise<void> {
  await expectTables(product, expectedTables(scenario, runs));
  expect((await verifyTables(product.world, product.config, { full: true })).passed).toBe(true);
}

/** Units that Spark was given, by stage. */
const sparksOf = (run: { readonly facts: Readonly<Record<string, unknown>> } | undefined) =>
  Object.keys((run?.facts['spark'] ?? {}) as object);

describe('a run of both engines is one commit with the rows of the oracle', () => {
  it('when resolve is by Spark and apply by DuckDB', async () => {
    await drop(0);
    tooLarge = ['resolve'];
    const outcome = await product.run();
    tooLarge = [];
    expectSucceeded(outcome);
    expect(sparksOf(outcome.run)).toEqual(['resolve']);
    await expectHolds(1);
  });

  it('when resolve is by DuckDB and apply by Spark, after maintenance by Spark', async () => {
    await maintainBySpark(engines);
    await drop(1);
    tooLarge = ['apply'];
    const outcome = await product.run();
    tooLarge = [];
    expectSucceeded(outcome);
    expect(sparksOf(outcome.run)).toEqual(['apply']);
    await expectHolds(2);
  });
});

it('a run of engine spark is not unified, though the strategy says so', async () => {
  await maintainBySpark(engines);
  await drop(2);
  const { world, config } = product;
  const outcome = await runPipeline({
    world,
    config: { ...config, work: { ...config.work, engine: 'spark', strategy: 'unified' } },
  });
  expectSucceeded(outcome);
  expect(outcome.plan?.strategy).toBe('partitionwise');
  expect(outcome.plan?.strategyReason).toBe(
    "work.engine is spark, and work.strategy unified is DuckDB's alone",
  );
  expect(sparksOf(outcome.run)).toEqual(['resolve', 'apply']);
  await expectHolds(3);
});

it('a run whose Spark was killed is resumed over tables that Spark has maintained meanwhile', async () => {
  await drop(3);
  const { world, config } = product;
  tooLarge = ['apply'];
  instead = async () => {
    throw new SparkUnitError('killed');
  };
  const first = await runPipeline({ world, config });
  expect(first.run?.error?.name).toBe('SparkUnitError');
  await maintainBySpark(engines);
  begun = 0;
  const resumed = await product.resume(first.run?.runId ?? '');
  tooLarge = [];
  expectSucceeded(resumed);
  await expectHolds(4);
});

it('a run by DuckDB alone goes on from what Spark has written and maintained', async () => {
  await maintainBySpark(engines);
  await drop(4);
  expectSucceeded(await product.run());
  await expectHolds(5);
});
