import { rm } from 'node:fs/promises';
import { createTableView } from '../lib/cli/views.ts';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { identifier, text } from '../lib/engine/sql.ts';
import { currentSnapshot, loadTable } from '../lib/iceberg/index.ts';
import { openLocalWorld } from '../lib/run/local/local.ts';
import { cache, place, threads } from './base.ts';
import { historyNames, type Shape } from './summary-data.ts';

const openSession = () => openDuckDb({ memoryBytes: 4e9, threads, workFolder: `${cache}/compare-work` });
const keptPath = (name: string) => `${cache}/rows-${name}.parquet`;

/** Keeps key, month and a hash of all arrays of every live row that the table in `place` has in these months. */
export async function keepRows(options: {
  readonly name: string;
  readonly shape: Shape;
  readonly months: readonly string[];
}): Promise<void> {
  await using world = await openLocalWorld({ root: place });
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: { namespace: 'partwise', name: 'bench_summary' },
  });
  await using session = await openSession();
  const snapshotId = currentSnapshot(table)?.snapshotId;
  await createTableView({ world, session, table, snapshotId, names: ['summary'] });
  const arrays = historyNames(options.shape).map((name) => identifier(`${name}_history`));
  await session.execute(`COPY (
    SELECT account_id, month, hash(${arrays.join(', ')}) AS arrays FROM summary
    WHERE month IN (${options.months.map(text).join(', ')})) TO ${text(keptPath(options.name))} (FORMAT parquet)`);
}

/** Rows in both, and rows that are missing on one side or whose arrays differ. */
export async function compareRows(
  one: string,
  other: string,
): Promise<{ readonly rows: number; readonly different: number }> {
  await using session = await openSession();
  const [counts] = await session.query(`
    SELECT count(*) AS n, count(*) FILTER (one.arrays IS DISTINCT FROM other.arrays) AS different
    FROM read_parquet(${text(keptPath(one))}) AS one
    FULL JOIN read_parquet(${text(keptPath(other))}) AS other USING (account_id, month)`);
  return { rows: Number(counts?.['n']), different: Number(counts?.['different']) };
}

export async function dropKept(names: readonly string[]): Promise<void> {
  for (const name of names) await rm(keptPath(name), { force: true });
}
