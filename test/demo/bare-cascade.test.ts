import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cascade } from '../../bench/rollup-cascade.ts';
import { benchShape, resolutionsMs } from '../../bench/rollup-data.ts';
import { writePoints } from '../../lib/demo/points.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { text } from '../../lib/engine/sql.ts';
import { type OracleRow, rollupOracle } from '../oracle/rollup-oracle.ts';
import { readPoints } from './points-file.ts';

it('the limit that rollups are measured against computes the right rows', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-cascade-'));
  try {
    await using session = await openDuckDb({
      memoryBytes: 5e8,
      threads: 1,
      workFolder: join(folder, 'work'),
    });
    const shape = { ...benchShape(20_000), idType: 'string' } as const;
    const [file] = await writePoints(session, {
      shape,
      batch: 0,
      folder,
      filesPerBatch: 1,
      format: 'parquet',
    });
    // The cascade takes its points as they are, so no two may have one time.
    const distinct = join(folder, 'distinct.parquet');
    await session.execute(
      `COPY (SELECT DISTINCT ON (id, logical_timestamp) * FROM read_parquet(${text(file?.path ?? '')})) TO ${text(distinct)} (FORMAT parquet)`,
    );
    const output = join(folder, 'rows.parquet');
    for (const statement of cascade(`read_parquet(${text(distinct)})`, `TO ${text(output)} (FORMAT parquet)`))
      await session.execute(statement);
    const rows = await session.query(`
      SELECT resolution AS "resolutionMs", epoch_ms(window_ts) AS "windowMs", id, org_id AS "orgId", metric,
        metric_shard_id AS "shardId", count, sum, min, max, epoch_ms(first_ts) AS "firstMs",
        first_value AS "firstValue", epoch_ms(last_ts) AS "lastMs", last_value AS "lastValue", increase, resets
      FROM read_parquet(${text(output)}) ORDER BY "resolutionMs", "windowMs", id`);

    const expected = rollupOracle(
      {
        resolutionsMs,
        startMs: shape.startMs,
        batchMs: shape.batchMs,
        latenessMs: undefined,
        duplicates: 'first',
        maxGapMs: undefined,
        maxFutureMs: undefined,
      },
      [
        {
          batch: 0,
          flush: true,
          files: [{ arrivedMs: 0, key: distinct, version: '', points: await readPoints(session, distinct) }],
        },
      ],
    );
    expect(expected.rows.length).toBeGreaterThan(1_000);
    expect(rows.map(asText)).toEqual(expected.rows.map(({ batch: _, ...row }: OracleRow) => asText(row)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function asText(row: object): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value)]));
}
