import { resolutionsMs } from './rollup-data.ts';

/** What a level merges from the finer one; `increase` holds the steps over the finer windows' edges already. */
const merged = `sum(count) AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
  min(first_ms) AS first_ms, arg_min(first_value, first_ms) AS first_value,
  max(last_ms) AS last_ms, arg_max(last_value, last_ms) AS last_value,
  sum(increase) AS increase, sum(resets) AS resets`;

const edge = (column: string, resolutionMs: number) =>
  `(${column} + ${resolutionMs - 1}) // ${resolutionMs} * ${resolutionMs}`;

/**
 * The rollups and nothing else, for points after 1970: steps by LAG, base rows, each coarser level from the finer one,
 * one sorted output. Nothing is deduplicated, refused, kept open, carried over or committed.
 * @param points a relation in SQL
 * @param output what follows COPY (...)
 */
export function cascade(points: string, output: string): readonly string[] {
  const [base, ...coarser] = resolutionsMs;
  const levels = coarser.map(
    (resolutionMs, index) => `
      CREATE TEMP TABLE level_${resolutionMs} AS
      SELECT id, ${edge('window_ms', resolutionMs)} AS window_ms, ${merged}
      FROM level_${resolutionsMs[index]} GROUP BY ALL`,
  );
  const all = resolutionsMs
    .map((resolutionMs) => `SELECT ${resolutionMs} AS resolution, * FROM level_${resolutionMs}`)
    .join(' UNION ALL ');
  return [
    `CREATE TEMP TABLE level_${base} AS
      WITH steps AS (
        SELECT id, logical_timestamp AS ms, long_value AS v,
          lag(long_value) OVER (PARTITION BY id ORDER BY logical_timestamp) AS previous
        FROM ${points}
      )
      SELECT id, ${edge('ms', base)} AS window_ms,
        count(*) AS count, sum(v) AS sum, min(v) AS min, max(v) AS max,
        min(ms) AS first_ms, arg_min(v, ms) AS first_value, max(ms) AS last_ms, arg_max(v, ms) AS last_value,
        coalesce(sum(CASE WHEN v >= previous THEN CAST(v AS HUGEINT) - previous WHEN v < previous THEN v END), 0) AS increase,
        count(*) FILTER (v < previous) AS resets
      FROM steps GROUP BY ALL`,
    ...levels,
    `CREATE TEMP TABLE labels AS
      SELECT id, any_value(org_id) AS org_id, any_value(metric) AS metric, any_value(metric_shard_id) AS metric_shard_id
      FROM ${points} GROUP BY id`,
    `COPY (
      SELECT resolution,
        CAST(CASE WHEN resolution < 3600000 THEN make_timestamp(window_ms * 1000)
          ELSE date_trunc('month', make_timestamp(window_ms * 1000)) END AS DATE) AS window_bucket,
        id, org_id, metric, metric_shard_id, make_timestamp(window_ms * 1000) AS window_ts,
        CAST(count AS BIGINT) AS count, CAST(sum AS DECIMAL(38, 0)) AS sum, min, max,
        make_timestamp(first_ms * 1000) AS first_ts, first_value, make_timestamp(last_ms * 1000) AS last_ts, last_value,
        CAST(increase AS DECIMAL(38, 0)) AS increase, CAST(resets AS BIGINT) AS resets
      FROM (${all}) JOIN labels USING (id)
      ORDER BY resolution, window_bucket, metric_shard_id, id, window_ts) ${output}`,
  ];
}
