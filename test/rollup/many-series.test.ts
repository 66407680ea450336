import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newestBatch } from '../../lib/rollup/batch.ts';
import { readState } from '../../lib/rollup/state/state.ts';
import { intakeFiles } from '../../lib/run/intake/intake.ts';
import { tableOf } from './checks.ts';
import { openRollup } from './product.ts';

// The engine's look at the row after (`lead` without a partition) gives its last rows twice when a filter above it passes few
// on: seen with these numbers of rows and series.
const [count, perSeries] = [310_260, 17];

test('every series has one tail where only some of its points are closed', { timeout: 60_000 }, async () => {
  const rules = {
    resolutionsMs: [1_000, 60_000],
    startMs: 0,
    batchMs: 60_000,
    // What is closed after the batch: three points of each series.
    latenessMs: 57_000,
    duplicates: 'last' as const,
    maxGapMs: undefined,
    maxFutureMs: undefined,
  };
  // An odd seed would ask for timestamps.
  await using product = await openRollup({ rules, idType: 'bigint', seed: 2 });
  const { world, config } = product;
  const path = join(product.root, 'points.parquet');
  await mkdir(product.root, { recursive: true });
  {
    await using session = await world.engine.open({
      memoryBytes: 2 ** 28,
      threads: 1,
      workFolder: join(product.root, 'make'),
    });
    const { series, time, value, shard, labels } = config.points;
    const names = labels.map(({ name, from }) => `'x' AS "${from ?? name}"`);
    await session.writeParquet({
      select: `SELECT i // ${perSeries} AS "${series.from ?? series.name}", (i % ${perSeries} + 1) * 1000 AS "${time.from}", i AS "${value.from}",
        CAST(0 AS INTEGER) AS "${shard.from ?? shard.name}", ${names.join(', ')} FROM range(${count}) AS t(i)`,
      path,
    });
  }
  const intake = { world, config, stagingPath: world.stagingPath, branch: 'main', again: false } as const;
  await intakeFiles({ ...intake, paths: [path], arrivedMs: 1 });
  const { run } = await product.run({ batch: 0, flush: false });
  expect(run?.error).toBeUndefined();
  const newest = newestBatch(await tableOf(product), 'main');
  if (newest === undefined) throw new Error('there is no batch');
  const state = await readState(world.warehouse, newest);
  const rows = (kind: 'hot' | 'tails') => state[kind].reduce((sum, file) => sum + file.rows, 0);
  const series = Math.ceil(count / perSeries);
  expect([rows('tails'), rows('hot')]).toEqual([series, count - 3 * series]);
});
