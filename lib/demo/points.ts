import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineSession } from '../engine/engine.ts';
import { text } from '../engine/sql.ts';
import { copyOptions } from './copy-options.ts';

/**
 * Points of counters as SQL: every value is a hash of the point's number, so the same shape gives the same points. They
 * arrive evenly over the span and are drawn from the series by Zipf's law; the values of a series only grow until it
 * starts again from zero.
 */
export interface PointsShape {
  readonly points: number;
  readonly series: number;
  readonly shards: number;
  readonly startMs: number;
  readonly spanMs: number;
  readonly batchMs: number;
  /** Every point is up to this much older than its arrival, so they come out of order. */
  readonly jitterMs: number;
  /** Part of the points that are late: up to `lateMs` older than the others. */
  readonly lateFraction: number;
  readonly lateMs: number;
  /** Part of the points that repeat an earlier one, every other time with another value. */
  readonly duplicateFraction: number;
  readonly idType: 'bigint' | 'string';
  /** `bigint`: milliseconds. */
  readonly timeType: 'bigint' | 'timestamp';
}

export interface PointFile {
  readonly path: string;
  readonly batch: number;
  /** When its last point arrived; in the time of its batch. */
  readonly arrivedMs: number;
}

export interface WritePointsOptions {
  readonly shape: PointsShape;
  readonly batch: number;
  readonly folder: string;
  readonly filesPerBatch: number;
  readonly format: 'parquet' | 'csv' | 'csv.gz' | 'jsonl';
}

/** How many points back the one lies at most that is repeated. */
const longestReach = 5_000;
/** A series starts again after 10 minutes to 6 hours. */
const shortestLifeMs = 600_000;
const longestLifeMs = 21_600_000;

export function batchCount(shape: PointsShape): number {
  return Math.ceil(shape.spanMs / shape.batchMs);
}

/** Writes the files of one batch; a file holds the points in the order of their arrival. */
export async function writePoints(
  session: EngineSession,
  options: WritePointsOptions,
): Promise<readonly PointFile[]> {
  const { shape, batch, folder, filesPerBatch, format } = options;
  await mkdir(folder, { recursive: true });
  const first = firstOfBatch(shape, batch);
  const size = (firstOfBatch(shape, batch + 1) - first) / filesPerBatch;
  const files: PointFile[] = [];
  for (let part = 0; part < filesPerBatch; part += 1) {
    const [from, to] = [first + Math.floor(part * size), first + Math.floor((part + 1) * size)];
    if (from === to) continue;
    const path = join(folder, `points-${batch}-${part}.${format}`);
    await session.execute(`COPY (${selectPoints(shape, from, to)}) TO ${text(path)} (${copyOptions(path)})`);
    const endMs = shape.startMs + (batch + 1) * shape.batchMs;
    const lastMs = shape.startMs + Math.floor((to - 1) * msPerPoint(shape));
    files.push({ path, batch, arrivedMs: Math.min(lastMs, endMs - 1) });
  }
  return files;
}

/** A SELECT of the points from the number `from` up to, without, `to`. */
function selectPoints(shape: PointsShape, from: number, to: number): string {
  const reach = Math.max(1, Math.min(longestReach, Math.floor(shape.points / 50)));
  const life = `(${shortestLifeMs} + ${draw('series', 7, longestLifeMs - shortestLifeMs)})`;
  const age = `((time_ms - ${draw('series', 8, longestLifeMs)}) % ${life} + ${life}) % ${life}`;
  const perSecond = `(1 + ${draw('series', 6, 1_000)})`;
  return `
    WITH arrived AS (
      SELECT range AS n,
        CASE WHEN range > ${reach} AND ${fraction('range', 1)} < ${shape.duplicateFraction}
          THEN range - 1 - ${draw('range', 2, reach)} ELSE range END AS source
      FROM range(${from}, ${to})
    ), drawn AS (
      SELECT n, source,
        CAST(floor(exp(${fraction('source', 3)} * ln(${shape.series + 1}))) AS BIGINT) AS series,
        ${shape.startMs} + CAST(floor(source * CAST(${msPerPoint(shape)} AS DOUBLE)) AS BIGINT)
          - ${draw('source', 4, shape.jitterMs)}
          - CASE WHEN ${fraction('source', 5)} < ${shape.lateFraction} THEN ${draw('source', 9, shape.lateMs)} ELSE 0 END
          AS time_ms
      FROM arrived
    )
    SELECT ${shape.idType === 'bigint' ? 'series' : `printf('series-%07d', series)`} AS id,
      'org-' || (series % 97) AS org_id,
      (['requests', 'bytes', 'errors', 'cache_hits'])[1 + series % 4] AS metric,
      CAST(series % ${shape.shards} AS INTEGER) AS metric_shard_id,
      ${age} * ${perSecond} // 1000 + CASE WHEN n <> source THEN ${draw('n', 10, 2)} ELSE 0 END AS long_value,
      ${shape.timeType === 'bigint' ? 'time_ms' : 'make_timestamp(time_ms * 1000)'} AS logical_timestamp
    FROM drawn
    ORDER BY n`;
}

function firstOfBatch(shape: PointsShape, batch: number): number {
  return Math.min(shape.points, Math.ceil((batch * shape.batchMs) / msPerPoint(shape)));
}

const msPerPoint = (shape: PointsShape) => shape.spanMs / shape.points;
/** SQL: in [0, 1), scattered by the column's value and the salt. */
const fraction = (column: string, salt: number) =>
  `((hash(${column}, ${salt}) >> 11) * CAST(${2 ** -53} AS DOUBLE))`;
/** SQL: a whole number from 0 up to, without, `below`. */
const draw = (column: string, salt: number, below: number) =>
  `CAST(hash(${column}, ${salt}) % ${Math.max(1, below)} AS BIGINT)`;
