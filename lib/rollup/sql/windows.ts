import type { RollupRules } from '../rules.ts';

/**
 * The statements between points and windows. They rely on rows that lie sorted in a table of this session, which one
 * thread reads in their order: a window function without partition and order is then a look at the row before. The unit
 * checks the order on the way (see `disorder`).
 */

/** Right edge of the window of a time; a true ceiling, also below zero. */
function windowOf(time: string, resolutionMs: number): string {
  const rest = `${time} % ${resolutionMs}`;
  return `(${time} - ${rest} + CASE WHEN ${rest} > 0 THEN ${resolutionMs} ELSE 0 END)`;
}

/**
 * `points` (id, ts, v, o, kind) without duplicates, each with the value before it in its series: (id, ts, v, kind, p).
 * kind 0 is a series' last closed point, 1 a point of this or an earlier batch whose window was open. Of points with one
 * time the first by `o` counts. `p` is NULL for a series' first point, and after a gap above `maxGap`.
 */
export function orderedPoints({ maxGapMs }: Pick<RollupRules, 'maxGapMs'>): string {
  const gap = maxGapMs === undefined ? '' : ` AND ts - lag(ts) OVER () <= ${maxGapMs}`;
  return (
    `SELECT id, ts, v, kind, CASE WHEN lag(id) OVER () = id${gap} THEN lag(v) OVER () END AS p FROM ` +
    `(SELECT id, ts, v, kind FROM (SELECT *, lag(id) OVER () AS pi, lag(ts) OVER () AS pt FROM points) ` +
    `WHERE pi IS DISTINCT FROM id OR pt IS DISTINCT FROM ts)`
  );
}

/** How often the order of `points` is broken; not 0 would mean that the engine does not read a table in its order. */
export const disorder =
  'SELECT count(*) AS n FROM (SELECT id, ts, lag(id) OVER () AS pi, lag(ts) OVER () AS pt FROM points) WHERE pi > id OR (pi = id AND pt > ts)';

/** Closed points by base window: mergeable rows (id, w, n, s, mn, mx, ft, fv, lt, lv, inc, rs). */
export function baseRows({ baseMs }: Pick<RollupRules, 'baseMs'>, closed: string, wide: boolean): string {
  const difference = wide ? 'CAST(v AS HUGEINT) - p' : 'v - p';
  return (
    `SELECT id, ${windowOf('ts', baseMs)} AS w, count(*) AS n, sum(v) AS s, min(v) AS mn, max(v) AS mx, min(ts) AS ft, ` +
    `arg_min(v, ts) AS fv, max(ts) AS lt, arg_max(v, ts) AS lv, ` +
    `CAST(sum(CASE WHEN p IS NULL THEN 0 WHEN v >= p THEN ${difference} ELSE v END) AS HUGEINT) AS inc, ` +
    `count(*) FILTER (v < p) AS rs FROM ordered WHERE kind = 1 AND ${closed} GROUP BY ALL`
  );
}

export const mergeable = 'id, w, n, s, mn, mx, ft, fv, lt, lv, inc, rs';

/** Mergeable rows of coarser windows; merging is commutative, so in any order. */
export function mergedRows(rows: string, resolutionMs: number | undefined): string {
  const window = resolutionMs === undefined ? 'w' : windowOf('w', resolutionMs);
  return (
    `SELECT id, ${window} AS w, CAST(sum(n) AS BIGINT) AS n, CAST(sum(s) AS HUGEINT) AS s, min(mn) AS mn, max(mx) AS mx, ` +
    `min(ft) AS ft, arg_min(fv, ft) AS fv, max(lt) AS lt, arg_max(lv, lt) AS lv, CAST(sum(inc) AS HUGEINT) AS inc, ` +
    `CAST(sum(rs) AS BIGINT) AS rs FROM (${rows}) GROUP BY ALL`
  );
}

/** The finer rows that a resolution is merged from: the coarsest that divides it, else the base. */
export function finerOf(resolutionMs: number, { resolutionsMs, baseMs }: RollupRules): number {
  return resolutionsMs.filter((one) => one < resolutionMs && resolutionMs % one === 0).at(-1) ?? baseMs;
}
