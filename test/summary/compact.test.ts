import { describe, expect, it } from 'vitest';
import { currentSnapshot } from '../../lib/iceberg/index.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import type { CompactTask } from '../../lib/summary/tasks/tasks.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from './bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct, type Product } from './product.ts';
import { everyRow, filesOf, rewrite, verified, wrongIn } from './rewritten.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 22, keys: 24, months: 6, changed: 0.5 });
const document = {
  work: { unitBytes: '32 KB', rewrite: 'merge-on-read', maxSmallFiles: 2, maxDeadFraction: 0.2 },
  tables: { buckets: 2 },
  maintenance: { auto: false },
};

/** A table that four runs have only marked and added to. */
async function worn(): Promise<Product> {
  const product = await openProduct({ shape: scenario.shape, document });
  await bulkLoad(product, scenario.initial);
  for (const files of scenario.runs.slice(0, 4)) {
    await product.drop(files);
    expectSucceeded(await product.run());
  }
  return product;
}

const locations = async (product: Product) => {
  const { data, deletes } = await filesOf(product, 'summary');
  return new Map([...data, ...deletes].map((file) => [file.location, file]));
};

describe('compaction as a run', () => {
  it('folds every cell with many small files or many deleted rows, and nothing of a row changes', async () => {
    await using product = await worn();
    const before = await everyRow(product);
    const old = await locations(product);
    const outcome = await rewrite(product, { kind: 'compact' });
    expectSucceeded(outcome);
    expect(await everyRow(product)).toEqual(before);
    const now = await locations(product);
    expect(now.size).toBeLessThan(old.size / 2);
    const { table } = await filesOf(product, 'summary');
    expect(currentSnapshot(table)?.summary).toMatchObject({
      operation: 'replace',
      'partwise.rewrite': 'compaction',
    });
    expect(await wrongIn(product)).toEqual([]);
    expect((await verified(product, outcome)).passed).toBe(true);
    await product.drop(scenario.runs[4] ?? []);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, 5));
  });

  it('leaves cells of other months and buckets alone', async () => {
    await using product = await worn();
    const before = await everyRow(product);
    const old = await locations(product);
    const month = '2025-12';
    const number = 2025 * 12 + 12;
    const task: CompactTask = { kind: 'compact', months: { first: number, last: number }, buckets: [1] };
    expectSucceeded(await rewrite(product, task));
    const now = await locations(product);
    const gone = [...old.values()].filter(({ location }) => !now.has(location));
    expect(gone).not.toEqual([]);
    for (const { partition } of gone) expect(partition).toEqual([month, 1]);
    expect(await everyRow(product)).toEqual(before);
  });

  it('commits nothing where no cell needs it', async () => {
    await using product = await worn();
    expectSucceeded(await rewrite(product, { kind: 'compact' }));
    const before = await locations(product);
    const { run } = await rewrite(product, { kind: 'compact' });
    expect(run?.error).toBeUndefined();
    expect(await locations(product)).toEqual(before);
  });

  it('refuses a bucket that is not there', async () => {
    await using product = await worn();
    const { world, config } = product;
    const task: CompactTask = { kind: 'compact', buckets: [2] };
    await expect(runTask({ world, config, task })).rejects.toThrow('there is no bucket 2');
  });
});
