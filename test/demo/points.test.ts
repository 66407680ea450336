import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchCount, type PointFile, type PointsShape, writePoints } from '../../lib/demo/points.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { textList } from '../../lib/engine/sql.ts';
import { rollupOracle } from '../oracle/rollup-oracle.ts';
import { readPoints } from './points-file.ts';

const minute = 60_000;
const shape: PointsShape = {
  points: 20_000,
  series: 300,
  shards: 8,
  startMs: Date.UTC(2026, 0, 1),
  spanMs: 60 * minute,
  batchMs: 15 * minute,
  jitterMs: 2_000,
  lateFraction: 0.02,
  lateMs: 30 * minute,
  duplicateFraction: 0.01,
  idType: 'string',
  timeType: 'bigint',
};

let folder = '';
let session: EngineSession;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-points-'));
  session = await openDuckDb({ memoryBytes: 500e6, threads: 1, workFolder: join(folder, 'work') });
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function writeAll(
  name: string,
  of: PointsShape,
  format: 'parquet' | 'csv',
): Promise<readonly PointFile[]> {
  const files: PointFile[] = [];
  for (let batch = 0; batch < batchCount(of); batch += 1)
    files.push(
      ...(await writePoints(session, {
        shape: of,
        batch,
        folder: join(folder, name),
        filesPerBatch: 2,
        format,
      })),
    );
  return files;
}

describe('points at scale', () => {
  it('are the same bytes every time', async () => {
    const [one, other] = [await writeAll('one', shape, 'csv'), await writeAll('other', shape, 'csv')];
    expect(one).toHaveLength(8);
    for (const [index, { path }] of one.entries())
      expect(await readFile(path)).toEqual(await readFile(other[index]?.path ?? ''));
  });

  it('hold late, repeated, unordered and restarted points in files that arrive in their batch', async () => {
    const files = await writeAll('whole', shape, 'parquet');
    const batches = await Promise.all(
      [0, 1, 2, 3].map(async (batch) => ({
        batch,
        flush: batch === 3,
        files: await Promise.all(
          files
            .filter((file) => file.batch === batch)
            .map(async ({ path, arrivedMs }) => ({
              arrivedMs,
              key: path,
              version: '',
              points: await readPoints(session, path),
            })),
        ),
      })),
    );
    for (const { batch, arrivedMs } of files)
      expect(Math.floor((arrivedMs - shape.startMs) / shape.batchMs)).toBe(batch);
    const points = batches.flatMap((batch) => batch.files.flatMap((file) => file.points));
    expect(points).toHaveLength(shape.points);
    expect(points.some(({ timeMs }, index) => timeMs < (points[index - 1]?.timeMs ?? 0))).toBe(true);

    const result = rollupOracle(
      {
        resolutionsMs: [minute, 5 * minute, 60 * minute],
        startMs: shape.startMs,
        batchMs: shape.batchMs,
        latenessMs: 5 * minute,
        duplicates: 'first',
        maxGapMs: undefined,
        maxFutureMs: 0,
      },
      batches,
    );
    const late = result.tooLate.length / shape.points;
    expect(late).toBeGreaterThan(0.005);
    expect(late).toBeLessThan(0.02);
    for (const repeated of result.duplicates) expect(repeated).toBeGreaterThan(20);
    expect(result.tooFar).toEqual([]);
    expect(result.rows.reduce((total, { resets }) => total + resets, 0n)).toBeGreaterThan(100n);
    const ofSeries = [...Map.groupBy(points, ({ id }) => id).values()].map((one) => one.length);
    expect(ofSeries).toHaveLength(shape.series);
    expect(Math.max(...ofSeries) / shape.points).toBeCloseTo(Math.log(2) / Math.log(shape.series + 1), 2);
  });

  it('have the types that they are asked for', async () => {
    for (const [idType, timeType] of [
      ['bigint', 'timestamp'],
      ['string', 'bigint'],
    ] as const) {
      const files = await writeAll(idType, { ...shape, points: 100, idType, timeType }, 'parquet');
      const described = await session.query(
        `DESCRIBE SELECT * FROM read_parquet(${textList(files.map(({ path }) => path))})`,
      );
      expect(described.map((row) => [row['column_name'], row['column_type']])).toEqual([
        ['id', idType === 'bigint' ? 'BIGINT' : 'VARCHAR'],
        ['org_id', 'VARCHAR'],
        ['metric', 'VARCHAR'],
        ['metric_shard_id', 'INTEGER'],
        ['long_value', 'BIGINT'],
        ['logical_timestamp', timeType === 'bigint' ? 'BIGINT' : 'TIMESTAMP'],
      ]);
    }
  });
});
