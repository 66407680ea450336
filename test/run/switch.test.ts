import { expect, it } from 'vitest';
import { switchToBranch } from '../../lib/cli/branches.ts';
import { loadTable, type Table } from '../../lib/iceberg/index.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import type { CatalogPointer } from '../../lib/stores/ports.ts';
import { oneTableAtATime } from '../faults/one-table.ts';
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
import { tableIdentifier } from '../summary/tables.ts';

/** A catalog that swaps one table at a time may stop between two: whoever comes next finishes the switch. */

const scenario = bulkScenario({ shape: smallShape, seed: 91, keys: 30, months: 6, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 1 });
const [first = [], second = []] = scenario.runs;

/** Swaps until the given number of them is used up, then fails before the next. */
function failing(): {
  wrap: (catalog: CatalogPointer) => CatalogPointer;
  failAfter: (swaps: number) => void;
} {
  let left = Number.POSITIVE_INFINITY;
  return {
    wrap: (catalog) => {
      const single = oneTableAtATime(catalog);
      return {
        ...single,
        swap: async (swaps) => {
          if (left === 0) {
            left = Number.POSITIVE_INFINITY;
            throw new Error('ended between two swaps');
          }
          left -= 1;
          await single.swap(swaps);
        },
      };
    },
    failAfter: (swaps) => {
      left = swaps;
    },
  };
}

/** The first run of the scenario is on branch check; main is as before it. */
async function onBranch(catalog: ReturnType<typeof failing>): Promise<Product> {
  const product = await openProduct({ shape: scenario.shape, document, wrapCatalog: catalog.wrap });
  await bulkLoad(product, scenario.initial);
  await product.drop(first);
  const { world, config } = product;
  expectSucceeded(await runPipeline({ world, config, branch: 'check' }));
  return product;
}

const load = ({ world }: Product, role: 'summary' | 'latest'): Promise<Table> =>
  loadTable({ store: world.warehouse, catalog: world.catalog, identifier: tableIdentifier(role) });

const switchTo = ({ world, config }: Product) => switchToBranch({ world, config, branch: 'check' });

it('a switch that ended between two tables is finished by the next run on main', async () => {
  const catalog = failing();
  await using product = await onBranch(catalog);
  catalog.failAfter(1);
  await expect(switchTo(product)).rejects.toThrow('between two swaps');
  await product.drop(second);
  expectSucceeded(await product.run());
  await expectTables(product, expectedTables(scenario, 2));
});

it('a switch that ended between two tables is finished by the same again, which leaves no branch', async () => {
  const catalog = failing();
  await using product = await onBranch(catalog);
  catalog.failAfter(1);
  await expect(switchTo(product)).rejects.toThrow('between two swaps');
  await switchTo(product);
  await expectTables(product, expectedTables(scenario, 1));
  for (const role of ['summary', 'latest'] as const) {
    const { metadata } = await load(product, role);
    expect(Object.keys(metadata.refs)).toEqual(['main']);
    expect(Object.keys(metadata.properties).filter((key) => key.startsWith('partwise.switch'))).toEqual([]);
  }
});

it('a run to the branch that ended between two tables is finished before main becomes what the branch is', async () => {
  const catalog = failing();
  await using product = await openProduct({ shape: scenario.shape, document, wrapCatalog: catalog.wrap });
  await bulkLoad(product, scenario.initial);
  await product.drop(first);
  const { world, config } = product;
  catalog.failAfter(1);
  expect((await runPipeline({ world, config, branch: 'check' })).run?.status).toBe('failed');
  await switchTo(product);
  await expectTables(product, expectedTables(scenario, 1));
});
