import type { Dialect } from '../../engine/dialect.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { RollupRules } from '../rules.ts';

/**
 * The statements between points and windows. They rely on rows that one thread passes on in the order it has sorted them
 * in: a window function without partition and order is then a look at the row before. The unit checks the order of what
 * came of it (see `disorder`). Never `lead`: below a filter that passes few rows on, DuckDB 1.5 gives its last ones twice.
 */

/** Right edge of the window of a time; a true ceiling, also below zero. */
export function windowOf(time: string, resolutionMs: number): string {
  const rest = `${time} % ${resolutionMs}`;
  return `(${time} - ${rest} + CASE WHEN ${rest} > 0 THEN ${resolutionMs} ELSE 0 END)`;
}

/**
 * Sorted points (id, ts, v) without duplicates: (id, ts, v, r). Each row says whether the one before it counts, for of points
 * with one time the last does; a row of NULL comes after them all, to be sorted with them would cost as much again. `r` is
 * the number of the row among the sorted, duplicates counted: the largest is how many there were. A unit has fewer than 2^32.
 */
export function orderedPoints(sorted: string): string {
  const before = ['id', 'ts', 'v'].map((name) => `lag(${name}) OVER () AS p${name}`).join(', ');
  return (
    `SELECT pid AS id, pts AS ts, pv AS v, CAST(r AS UINTEGER) AS r FROM (SELECT id, ts, ${before}, row_number() OVER () - 1 AS r ` +
    `FROM (SELECT * FROM (${sorted}) UNION ALL SELECT NULL, NULL, NULL)) WHERE r > 0 AND (pid IS DISTINCT FROM id OR pts IS DISTINCT FROM ts)`
  );
}

/** How often the order of `ordered` is broken, or a row of NULL is in it; not 0 would mean that the engine does not pass rows on in their order. */
export const disorder =
  'SELECT count(*) AS n FROM (SELECT id, ts, lag(id) OVER () AS pi, lag(ts) OVER () AS pt FROM ordered) WHERE id IS NULL OR pi > id OR (pi = id AND pt >= ts)';

/**
 * Those of `ordered` by base window: mergeable rows (id, w, n, s, mn, mx, ft, fv, lt, lv, inc, rs). `p` is the value before in
 * the series, NULL for its first point and after a gap above `maxGap`.
 */
export function baseRows(
  { baseMs, maxGapMs }: Pick<RollupRules, 'baseMs' | 'maxGapMs'>,
  closes: string,
  wide: boolean,
): string {
  const gap = maxGapMs === undefined ? '' : ` AND ts - lag(ts) OVER () <= ${maxGapMs}`;
  const points = `SELECT id, ts, v, CASE WHEN lag(id) OVER () = id${gap} THEN lag(v) OVER () END AS p FROM ordered`;
  return `SELECT id, ${windowOf('ts', baseMs)} AS w, ${measures(duckDb, wide)} FROM (${points}) WHERE ${closes} GROUP BY ALL`;
}

/**
 * The mergeable columns of points (ts, v, p); p is the value before, NULL where none counts. Differences of 64-bit values
 * that are far from each other are `wide`.
 */
export function measures(dialect: Dialect, wide: boolean): string {
  return (
    `count(*) AS n, ${dialect.wideSum('v')} AS s, min(v) AS mn, max(v) AS mx, min(ts) AS ft, ` +
    `${dialect.minBy('v', 'ts')} AS fv, max(ts) AS lt, ${dialect.maxBy('v', 'ts')} AS lv, ` +
    `${dialect.wide(`sum(${delta('v', wide ? dialect.wide('v') : 'v')})`)} AS inc, count(*) FILTER (WHERE v < p) AS rs`
  );
}

/** How much a value is more than the one before it, p; all of it after a reset. @param minuend the value, for a difference */
export function delta(value: string, minuend: string): string {
  return `CASE WHEN p IS NULL THEN 0 WHEN ${value} >= p THEN ${minuend} - p ELSE ${value} END`;
}

export const mergeable = 'id, w, n, s, mn, mx, ft, fv, lt, lv, inc, rs';

/** Mergeable rows of coarser windows; merging is commutative, so in any order. */
export function mergedRows(dialect: Dialect, rows: string, resolutionMs: number | undefined): string {
  const window = resolutionMs === undefined ? 'w' : windowOf('w', resolutionMs);
  return (
    `SELECT id, ${window} AS w, CAST(sum(n) AS BIGINT) AS n, ${dialect.wide('sum(s)')} AS s, min(mn) AS mn, max(mx) AS mx, ` +
    `min(ft) AS ft, ${dialect.minBy('fv', 'ft')} AS fv, max(lt) AS lt, ${dialect.maxBy('lv', 'lt')} AS lv, ${dialect.wide('sum(inc)')} AS inc, ` +
    `CAST(sum(rs) AS BIGINT) AS rs FROM (${rows}) GROUP BY ALL`
  );
}

/** The finer rows that a resolution is merged from: the coarsest that divides it, else the base. */
export function finerOf(resolutionMs: number, { resolutionsMs, baseMs }: RollupRules): number {
  return resolutionsMs.filter((one) => one < resolutionMs && resolutionMs % one === 0).at(-1) ?? baseMs;
}
