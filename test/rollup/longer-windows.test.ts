import { test } from 'vitest';
import { createTableView } from '../../lib/cli/views.ts';
import { currentSnapshot } from '../../lib/iceberg/index.ts';
import { rollUpTo, tableOf } from './checks.ts';
import { expectMerged, longerWindows, spreadBatches } from './longer-windows.ts';
import { openRollup } from './product.ts';

test('the documented query merges sketches into those of days', async () => {
  const { rules, batches } = spreadBatches;
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  await using session = await product.world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${product.world.workRoot}/longer-windows`,
  });
  await session.execute('CREATE SCHEMA partwise');
  const table = await tableOf(product);
  const snapshotId = currentSnapshot(table)?.snapshotId;
  const names = ['partwise.metrics_rollups'];
  await createTableView({ world: product.world, session, table, snapshotId, names });
  expectMerged(await session.query(await longerWindows('duckdb')));
});
