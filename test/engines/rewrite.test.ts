import { describe, expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { currentSpec } from '../../lib/iceberg/index.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { wideShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import { everyRow, filesOf, rebucket, rewrite, verified, wrongIn } from '../summary/rewritten.ts';
import { tableRoles } from '../summary/tables.ts';
import { sparkRunner } from './runner.ts';

const runner = sparkRunner();
let given = 0;
const spark: SparkRunner = {
  run: (units, options) => {
    given += units.length;
    return runner.run(units, options);
  },
};

const bulk = bulkScenario({ shape: wideShape, seed: 64, keys: 20, months: 3, changed: 0.3 });
/** Corrections and deletes, then twelve late months. */
const scenario = { ...bulk, runs: [bulk.runs[2] ?? [], bulk.runs[1] ?? []] };

function open(
  work: Readonly<Record<string, unknown>>,
  buckets: number | undefined,
  root?: string,
): Promise<Product> {
  return openProduct({
    shape: scenario.shape,
    document: {
      tables: buckets === undefined ? {} : { buckets },
      work: { unitBytes: '1 MB', maxSmallFiles: 1, ...work },
      maintenance: { auto: false },
    },
    spark,
    ...(root === undefined ? {} : { root }),
  });
}

/** Rows that are deleted by position, and small files, by DuckDB. */
async function worn(): Promise<Product> {
  const product = await open({ engine: 'duckdb', rewrite: 'merge-on-read' }, 2);
  await bulkLoad(product, scenario.initial);
  await product.drop(scenario.runs[0] ?? []);
  expectSucceeded(await product.run());
  return product;
}

describe('cells that Spark rewrites', () => {
  it('hold the same rows in every column, for another number of buckets, and runs of either engine go on', async () => {
    await using product = await worn();
    await using bySpark = await open({ engine: 'spark' }, undefined, product.world.rootPath);
    const before = await everyRow(product);
    given = 0;
    const outcome = await rebucket(bySpark, 3);
    expectSucceeded(outcome);
    expect(given).toBeGreaterThan(0);
    expect(outcome.plan?.explanation.join('\n')).toMatch(/engine: (\d+) of \1 units of rewrite by Spark/);
    expect(await everyRow(product)).toEqual(before);
    for (const role of tableRoles) {
      const { table, data, deletes } = await filesOf(product, role);
      expect(currentSpec(table).fields.at(-1)?.transform).toBe('bucket[3]');
      for (const file of data) {
        expect(file.specId).toBe(table.metadata.defaultSpecId);
        expect(file.sortOrderId).toBeUndefined();
      }
      expect(deletes).toEqual([]);
    }
    expect(await wrongIn(product)).toEqual([]);
    expect((await verified(bySpark, outcome)).passed).toBe(true);
    await bySpark.drop(scenario.runs[1] ?? []);
    expectSucceeded(await bySpark.run());
    await expectTables(product, expectedTables(scenario, 2));
  });

  it('are compacted', async () => {
    await using product = await worn();
    await using bySpark = await open({ engine: 'spark' }, undefined, product.world.rootPath);
    const before = await everyRow(product);
    given = 0;
    expectSucceeded(await rewrite(bySpark, { kind: 'compact' }));
    expect(given).toBeGreaterThan(0);
    expect(await everyRow(product)).toEqual(before);
    expect((await filesOf(product, 'summary')).deletes).toEqual([]);
    expect(await wrongIn(product)).toEqual([]);
  });
});
