import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { currentSpec } from '../../lib/iceberg/index.ts';
import { compactTable } from '../../lib/upkeep/compact.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import { everyRow, filesOf, rebucket, withBuckets, wrongIn } from '../summary/rewritten.ts';
import { tableIdentifier } from '../summary/tables.ts';
import { oneTableAtATime } from './one-table.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 36, keys: 20, months: 5, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 2 });

/** Ends when summary has the new number and latest has not. */
async function endedBetween(): Promise<Product> {
  let armed = false;
  const product = await openProduct({
    shape: scenario.shape,
    document,
    wrapCatalog: oneTableAtATime,
    step: async (name) => {
      if (!armed || name !== 'between-swaps') return;
      armed = false;
      throw new Error('ended between two swaps');
    },
  });
  await bulkLoad(product, scenario.initial);
  armed = true;
  const { run } = await rebucket(product, 3);
  expect(run?.status).toBe('failed');
  expect(await bucketsOf(product, 'summary')).toBe('bucket[3]');
  expect(await bucketsOf(product, 'latest')).toBe('bucket[2]');
  return product;
}

const bucketsOf = async (product: Product, role: 'summary' | 'latest') =>
  currentSpec((await filesOf(product, role)).table).fields.at(-1)?.transform;

describe('a rebucket that ended between the swaps of two tables', () => {
  it('is finished by the same command', async () => {
    await using product = await endedBetween();
    const before = await everyRow(product);
    expectSucceeded(await rebucket(product, 3));
    expect(await bucketsOf(product, 'latest')).toBe('bucket[3]');
    expect(await everyRow(product)).toEqual(before);
    expect(await wrongIn(product)).toEqual([]);
  });

  it('is finished on top of another writer’s compaction of latest, and gone on from', async () => {
    await using product = await endedBetween();
    const { world } = product;
    {
      await using session = await world.engine.open({
        threads: 1,
        memoryBytes: 2 ** 28,
        workFolder: `${world.workRoot}/other-${randomBytes(4).toString('hex')}`,
      });
      const compacted = await compactTable({
        store: world.warehouse,
        catalog: world.catalog,
        clock: world.clock,
        session,
        identifier: tableIdentifier('latest'),
        policy: { targetFileBytes: 1e9, maxSmallFiles: 0, maxDeadFraction: 0 },
        sortBy: ['acct'],
        rowGroupRows: 1_000,
      });
      expect(compacted.cells.length).toBeGreaterThan(0);
    }
    await using next = await withBuckets(product, undefined);
    const oneTable = { ...next, world: { ...next.world, catalog: product.world.catalog } };
    expectSucceeded(await rebucket(oneTable, 3));
    expect(await bucketsOf(product, 'latest')).toBe('bucket[3]');
    await next.drop(scenario.runs[0] ?? []);
    expectSucceeded(await next.run());
    await expectTables(next, expectedTables(scenario, 1));
    expect(await wrongIn(product)).toEqual([]);
  });
});
