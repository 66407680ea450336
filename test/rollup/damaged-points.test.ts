import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { text } from '../../lib/engine/sql.ts';
import { intakeFiles } from '../../lib/run/intake/intake.ts';
import { openRollup } from './product.ts';
import { batchOf, threeBatches } from './scenario.ts';

const { rules } = threeBatches;
/** A point in any window of the batch, every column with values enough for pages of its own. */
const points = `SELECT 'series-' || hash(i, 1) % 997 AS id, 'org-' || hash(i, 2) % 89 AS org_id, 'metric-' || hash(i, 3) % 83 AS metric,
  CAST(hash(i, 4) % 61 AS INTEGER) AS metric_shard_id, CAST(hash(i, 5) % 1000000007 AS BIGINT) AS long_value,
  CAST(${rules.startMs} + hash(i, 6) % 290000 AS BIGINT) AS logical_timestamp FROM range(20000) AS r(i)`;

/** Writes the points and overwrites the second half of a column's pages. */
async function writeDamaged(path: string, column: string, workFolder: string): Promise<void> {
  await using session = await openDuckDb({ memoryBytes: 2 ** 28, threads: 1, workFolder });
  await session.execute(`COPY (${points}) TO ${text(path)} (FORMAT parquet, COMPRESSION zstd)`);
  const [chunk] = await session.query(
    `SELECT data_page_offset AS at, coalesce(dictionary_page_offset, data_page_offset) + total_compressed_size AS until
     FROM parquet_metadata(${text(path)}) WHERE row_group_id = 0 AND path_in_schema = ${text(column)}`,
  );
  const until = Number(chunk?.['until']);
  const from = Math.ceil((Number(chunk?.['at']) + until) / 2);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(until - from, 0xa5), 0, until - from, from);
  await file.close();
}

test.each(['id', 'org_id', 'metric', 'metric_shard_id', 'long_value', 'logical_timestamp'])(
  'a file that would be kept as it came and has damaged values in %s is refused before the work',
  async (column) => {
    await using product = await openRollup({ rules, seed: 4 });
    const path = join(product.root, 'points.parquet');
    await writeDamaged(path, column, join(product.root, 'damaging'));
    const { world, config } = product;
    const { stagingPath } = world;
    const arrivedMs = rules.startMs + 1;
    await intakeFiles({ world, config, stagingPath, paths: [path], branch: 'main', again: false, arrivedMs });
    const { run } = await product.run(batchOf(0, []));
    expect(run?.error).toMatchObject({ name: 'PoisonInputError' });
  },
);
