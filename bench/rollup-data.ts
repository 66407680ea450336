import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { type PointsShape, writePoints } from '../lib/demo/points.ts';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { text } from '../lib/engine/sql.ts';
import { cache, threads } from './base.ts';

export const resolutionsMs = [60_000, 300_000, 3_600_000] as const;
const hourMs = 3_600_000;
export const latenessMs = 600_000;

/** One batch of an hour, 200 points a series: 20 million points are 100,000 series. */
export function benchShape(points: number): PointsShape {
  return {
    points,
    series: Math.max(1, Math.round(points / 200)),
    shards: 16,
    startMs: Date.UTC(2026, 0, 1),
    spanMs: hourMs,
    batchMs: hourMs,
    jitterMs: 5_000,
    lateFraction: 0.01,
    lateMs: latenessMs,
    duplicateFraction: 0.005,
    idType: 'bigint',
    timeType: 'bigint',
  };
}

/** One file of all points of a batch, kept between benchmarks. */
export async function benchPoints(points: number, batch = 0): Promise<string> {
  const kept = `${cache}/points-${points}${batch === 0 ? '' : `-b${batch}`}.parquet`;
  if ((await stat(kept).catch(() => undefined)) !== undefined) return kept;
  const folder = `${cache}/points`;
  const shape = benchShape(points);
  await mkdir(folder, { recursive: true });
  await using session = await openDuckDb({ memoryBytes: 2e9, threads, workFolder: `${folder}/work` });
  const [file] = await writePoints(session, {
    // The batches before it have as many.
    shape: { ...shape, points: points * (batch + 1), spanMs: shape.spanMs * (batch + 1) },
    batch,
    folder,
    filesPerBatch: 1,
    format: 'parquet',
  });
  if (file === undefined) throw new Error('there are no points to measure with');
  await rename(file.path, kept);
  await rm(folder, { recursive: true, force: true });
  return kept;
}

/** The same points with values as latencies have them: log-normal, so that a window's lie in many buckets of a sketch. */
export async function spreadPoints(count: number): Promise<string> {
  const kept = `${cache}/points-spread-${count}.parquet`;
  if ((await stat(kept).catch(() => undefined)) !== undefined) return kept;
  const points = await benchPoints(count);
  await using session = await openDuckDb({ memoryBytes: 2e9, threads, workFolder: `${cache}/points/work` });
  const draw = (salt: number) => `((hash(id, logical_timestamp, ${salt}) % 1000003 + 1) / 1000004.0)`;
  const value = `CAST(1000 * exp(4 + 1.5 * sqrt(-2 * ln(${draw(1)})) * cos(2 * pi() * ${draw(2)})) AS BIGINT)`;
  const [written] = await session.writeParquet({
    select: `SELECT * REPLACE (${value} AS long_value) FROM read_parquet(${text(points)})`,
    path: `${session.workFolder}/spread.parquet`,
  });
  if (written === undefined) throw new Error('there are no points to measure with');
  await rename(written.path, kept);
  return kept;
}

/** From the words after the benchmark's name: a whole number is the number of points. */
export function pointsOf(filters: readonly string[], usual: number): number {
  return Number(filters.find((word) => /^\d+$/.test(word)) ?? usual);
}
