import { describe, expect, it } from 'vitest';
import { CommitConflictError, CommitStateUnknownError } from '../../lib/errors.ts';
import { loadTable } from '../../lib/iceberg/index.ts';
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

const scenario = bulkScenario({ shape: smallShape, seed: 31, keys: 40, months: 8, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 2 });

interface Fault {
  readonly name: string;
  /** Whether the swap really happens. */
  readonly lands: boolean;
  readonly error: () => Error;
  /** `current` fails this often after the swap, as the same outage would have it. */
  readonly deafAfter?: number;
}

const lost = () => new CommitStateUnknownError('the reply was lost');
const faults: readonly Fault[] = [
  { name: 'the request never arrives', lands: false, error: () => new Error('connection refused') },
  { name: 'the connection breaks after the swap', lands: true, error: () => new Error('connection reset') },
  { name: 'the outcome is unknown and the swap did not land', lands: false, error: lost },
  { name: 'the outcome is unknown and the swap landed', lands: true, error: lost },
  {
    name: 'the outcome is unknown, the swap landed, and looking fails too',
    lands: true,
    error: lost,
    deafAfter: 2,
  },
  {
    name: 'the outcome is unknown, the swap did not land, and looking fails too',
    lands: false,
    error: lost,
    deafAfter: 2,
  },
  {
    name: 'a conflict is reported though the swap landed',
    lands: true,
    error: () => new CommitConflictError('not the expected pointer'),
  },
];

describe('a catalog whose reply is lost', () => {
  for (const fault of faults) {
    it(`applies the run exactly once when ${fault.name}`, async () => {
      let armed = false;
      let deaf = 0;
      let fired = 0;
      const wrapCatalog = (catalog: CatalogPointer): CatalogPointer => ({
        name: catalog.name,
        multiTable: catalog.multiTable,
        list: (namespace) => catalog.list(namespace),
        drop: (identifier) => catalog.drop(identifier),
        current: async (identifier) => {
          if (deaf > 0) {
            deaf -= 1;
            throw new Error('connection refused');
          }
          return catalog.current(identifier);
        },
        swap: async (swaps) => {
          if (!armed) return catalog.swap(swaps);
          armed = false;
          fired += 1;
          if (fault.lands) await catalog.swap(swaps);
          deaf = fault.deafAfter ?? 0;
          throw fault.error();
        },
      });
      await using product = await openProduct({ shape: scenario.shape, document, wrapCatalog });
      await bulkLoad(product, scenario.initial);
      for (const [index, files] of scenario.runs.entries()) {
        await product.drop(files);
        armed = true;
        let outcome = await product.run();
        deaf = 0;
        for (let left = 3; outcome.run?.status === 'failed' && left > 0; left -= 1)
          outcome = await product.resume(outcome.run.runId);
        expectSucceeded(outcome);
        await expectTables(product, expectedTables(scenario, index + 1));
        expect(await commitsOf(product, outcome.run?.runId ?? '')).toEqual({ summary: 1, latest: 1 });
      }
      expect(fired).toBe(scenario.runs.length);
    });
  }
});

/** How many snapshots of each table name the run; the tombstones' are left out, since not every run has any. */
async function commitsOf({ world }: Product, runId: string): Promise<Record<string, number>> {
  const commits: Record<string, number> = {};
  for (const role of tableRoles) {
    if (role === 'tombstones') continue;
    const table = await loadTable({
      store: world.warehouse,
      catalog: world.catalog,
      identifier: tableIdentifier(role),
    });
    commits[role] = table.metadata.snapshots.filter(
      (snapshot) => snapshot.summary?.['partwise.run-id'] === runId,
    ).length;
  }
  return commits;
}
