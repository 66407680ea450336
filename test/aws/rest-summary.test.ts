import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { switchToBranch } from '../../lib/cli/branches.ts';
import { loadTable } from '../../lib/iceberg/index.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import { openRestCatalog } from '../../lib/stores/catalogs/rest-catalog.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import type { CatalogPointer } from '../../lib/stores/ports.ts';
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
import { tableIdentifier, tableRoles } from '../summary/tables.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 71, keys: 30, months: 6, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 1 });

interface RestProduct extends AsyncDisposable {
  readonly product: Product;
  /** The next time that a run gets there, it ends. */
  endAt(step: string): void;
  hasEnded(): boolean;
}

/** The product with its tables in the REST catalog, which swaps one table at a time and writes metadata files of its own. */
async function openRestProduct(): Promise<RestProduct> {
  const root = await mkdtemp(join(tmpdir(), 'partwise-rest-'));
  const store = await openDirectoryStore({ path: join(root, 'warehouse') });
  const catalog: CatalogPointer = openRestCatalog({ uri: inject('endpoints').rest, store });
  let endsAt: string | undefined;
  const product = await openProduct({
    shape: scenario.shape,
    document,
    root,
    wrapCatalog: () => catalog,
    step: async (name) => {
      if (name !== endsAt) return;
      endsAt = undefined;
      throw new Error(`ended at ${name}`);
    },
  });
  return {
    product,
    endAt: (step) => {
      endsAt = step;
    },
    hasEnded: () => endsAt === undefined,
    [Symbol.asyncDispose]: async () => {
      for (const role of tableRoles) await catalog.drop(tableIdentifier(role));
      await product[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const [first = [], second = []] = scenario.runs;

it('runs publish to a REST catalog, and one that ends between two tables is finished by the next', async () => {
  await using rest = await openRestProduct();
  const { product } = rest;
  await bulkLoad(product, scenario.initial);
  await product.drop(first);
  rest.endAt('between-swaps');
  expect((await product.run()).run?.status).toBe('failed');
  expect(rest.hasEnded()).toBe(true);
  await product.drop(second);
  expectSucceeded(await product.run());
  await expectTables(product, expectedTables(scenario, 2));
});

it('main of a REST catalog becomes what a branch is, and the branch goes', async () => {
  await using rest = await openRestProduct();
  const { product } = rest;
  const { world, config } = product;
  await bulkLoad(product, scenario.initial);
  await product.drop(first);
  expectSucceeded(await runPipeline({ world, config, branch: 'check' }));
  await switchToBranch({ world, config, branch: 'check' });
  await expectTables(product, expectedTables(scenario, 1));
  for (const role of ['summary', 'latest'] as const) {
    const identifier = tableIdentifier(role);
    const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
    expect(Object.keys(table.metadata.refs)).toEqual(['main']);
  }
});
