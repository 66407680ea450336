import { expect } from 'vitest';
import { loadTable, type Table } from '../../lib/iceberg/index.ts';
import { type OracleBatch, rollupOracle } from '../oracle/rollup-oracle.ts';
import type { RollupProduct } from './product.ts';

export function tableOf({ world }: RollupProduct): Promise<Table> {
  const identifier = { namespace: 'partwise', name: 'metrics_rollups' };
  return loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
}

/** What the snapshots say they are, oldest first; undefined for other writers' and for upkeep. */
export async function batchesOf(product: RollupProduct): Promise<readonly (string | undefined)[]> {
  return (await tableOf(product)).metadata.snapshots.map((snapshot) => snapshot.summary['partwise.batch']);
}

/** Takes in and runs the batches, each to its end. */
export async function rollUpTo(product: RollupProduct, batches: readonly OracleBatch[]): Promise<void> {
  for (const batch of batches) {
    await product.arrive(batch);
    const { run } = await product.run(batch);
    expect(run?.error).toBeUndefined();
    expect(run?.status).toBe('succeeded');
  }
}

/** The table's rows are the oracle's of the first so many batches. */
export async function expectOracle(
  product: RollupProduct,
  batches: readonly OracleBatch[],
  until = batches.length,
): Promise<void> {
  const { rows } = rollupOracle(product.rules, batches.slice(0, until));
  expect(await product.rows()).toEqual(rows.map(({ batch: _, ...row }) => row));
}
