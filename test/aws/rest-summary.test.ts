import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { openDirectoryStore } from '../../lib/stores/directory.ts';
import type { CatalogPointer } from '../../lib/stores/ports.ts';
import { openRestCatalog } from '../../lib/stores/rest-catalog.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { tableIdentifier, tableRoles } from '../summary/tables.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 71, keys: 30, months: 6, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 1 });

it('runs publish to a REST catalog, and one that ends between two tables is finished by the next', async () => {
  const root = await mkdtemp(join(tmpdir(), 'partwise-rest-'));
  const store = await openDirectoryStore({ path: join(root, 'warehouse') });
  const catalog: CatalogPointer = openRestCatalog({ uri: inject('endpoints').rest, store });
  let endsAt: string | undefined;
  try {
    await using product = await openProduct({
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
    await bulkLoad(product, scenario.initial);
    const [first = [], second = []] = scenario.runs;
    await product.drop(first);
    endsAt = 'between-swaps';
    expect((await product.run()).run?.status).toBe('failed');
    expect(endsAt).toBeUndefined();
    await product.drop(second);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, 2));
  } finally {
    for (const role of tableRoles) await catalog.drop(tableIdentifier(role));
    await rm(root, { recursive: true, force: true });
  }
});
