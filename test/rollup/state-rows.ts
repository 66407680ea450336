import { textList } from '../../lib/engine/sql.ts';
import { newestBatch } from '../../lib/rollup/batch.ts';
import { readState } from '../../lib/rollup/state/state.ts';
import { tableOf } from './checks.ts';
import type { RollupProduct } from './product.ts';

/** Rows of the state that main is at, by kind: each as text in an order of its own, after the columns with their types. */
export async function stateOf(product: RollupProduct): Promise<Readonly<Record<string, readonly string[]>>> {
  const { world } = product;
  const newest = newestBatch(await tableOf(product), 'main');
  if (newest === undefined) return {};
  const state = await readState(world.warehouse, newest);
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/read-state`,
  });
  const found: Record<string, readonly string[]> = {};
  for (const kind of ['hot', 'tails', 'part'] as const) {
    if (state[kind].length === 0) continue;
    const paths = await Promise.all(state[kind].map((file) => world.warehouse.localPath(file.location)));
    const rows = `SELECT * FROM read_parquet(${textList(paths)}, hive_partitioning = false)`;
    const columns = await session.query(`SELECT column_name, column_type FROM (DESCRIBE ${rows})`);
    const texts = await session.query(
      `SELECT CAST(one AS VARCHAR) AS text FROM (${rows}) AS one ORDER BY text`,
    );
    found[kind] = [
      columns.map((column) => `${column['column_name']} ${column['column_type']}`).join(', '),
      ...texts.map((row) => String(row['text'])),
    ];
  }
  return found;
}
