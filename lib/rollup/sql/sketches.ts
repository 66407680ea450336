import { sketchColumns } from '../../config/quantiles.ts';
import type { Dialect } from '../../engine/dialect.ts';
import type { RollupRules } from '../rules.ts';
import type { SketchBin } from '../sketch/bins.ts';
import type { SketchShape } from '../sketch/sketch.ts';
import { windowOf } from './windows.ts';

/**
 * Statements over sketches. Rows of a sketch are (id, w, k, c): c values of the series and window are in bucket k. The
 * table `sketch_bins` (k, low, next, x) has every bucket, its least value, that of the next one, and the estimate.
 */

export function binRows(dialect: Dialect, bins: readonly SketchBin[]): string {
  const lows = bins.map(({ low }) => low);
  const lists = {
    k: dialect.constants(
      bins.map(({ bucket }) => bucket),
      'int',
    ),
    low: dialect.constants(lows, 'long'),
    next: dialect.constants([...lows.slice(1), null], 'long'),
    x: dialect.constants(
      bins.map(({ value }) => value),
      'double',
    ),
  };
  return `SELECT ${dialect.unnested(lists)}`;
}

/**
 * Points (id, ts, v) by base window and bucket. A logarithm says which bucket it is to within one, whichever way it rounds; the
 * borders, which are whole numbers, say which.
 */
export function pointSketches(
  { baseMs }: Pick<RollupRules, 'baseMs'>,
  { gamma }: Pick<SketchShape, 'gamma'>,
  { from, where }: { readonly from: string; readonly where: string },
): string {
  const scale = (1 / Math.log(gamma.numerator / gamma.denominator)).toExponential();
  const near = `CAST(sign(v) * (ceil(ln(greatest(abs(CAST(v AS DOUBLE)), 1)) * ${scale}) + 1) AS INTEGER)`;
  const reached = (border: string) => `CASE WHEN v >= ${border} THEN 1 ELSE 0 END`;
  return (
    `SELECT id, w, k - 1 + ${reached('low')} + ${reached('next')} AS k, count(*) AS c FROM ` +
    `(SELECT id, ${windowOf('ts', baseMs)} AS w, v, ${near} AS k FROM ${from} WHERE ${where}) JOIN sketch_bins USING (k) GROUP BY ALL`
  );
}

/** Sketches of coarser windows; merging is commutative, so in any order. */
export function mergedSketches(rows: string, resolutionMs: number | undefined): string {
  const window = resolutionMs === undefined ? 'w' : windowOf('w', resolutionMs);
  return `SELECT id, ${window} AS w, k, CAST(sum(c) AS BIGINT) AS c FROM (${rows}) GROUP BY ALL`;
}

/** Rows of the sketches that packed rows (id, w, sk, sc, …) have. */
export function unpackedSketches(dialect: Dialect, from: string, where: string): string {
  return `SELECT id, w, ${dialect.unnested({ k: 'sk', c: 'sc' })} FROM ${from} WHERE ${where}`;
}

/** A sketch a row: (id, w, sk, sc), buckets ascending. */
export function sketchLists(rows: string): string {
  return `SELECT id, w, list(k ORDER BY k) AS sk, list(c ORDER BY k) AS sc FROM (${rows}) GROUP BY id, w`;
}

/** Names of the estimates in the session's tables, by place. */
export function estimateNames({ quantiles }: Pick<SketchShape, 'quantiles'>): readonly string[] {
  return quantiles.map((_, at) => `q${at}`);
}

/**
 * A sketch a row: (id, w, sk, sc, q0, …), buckets ascending, and the estimates: of the first bucket with which there are
 * more values than the quantile's place. Estimates ascend with buckets.
 */
export function packedSketches(
  dialect: Dialect,
  rows: string,
  windows: string,
  sketch: Pick<SketchShape, 'quantiles'>,
): string {
  const names = estimateNames(sketch);
  const places = sketch.quantiles.map(({ rank }, at) => `${placeOf(dialect, 'n', rank)} AS place${at}`);
  const estimates = names.map((name, at) => `min(x) FILTER (WHERE upto > place${at}) AS ${name}`);
  const running = `CAST(sum(c) OVER (PARTITION BY id, w ORDER BY k ROWS UNBOUNDED PRECEDING) AS BIGINT) AS upto`;
  return (
    `SELECT id, w, ${dialect.mapped('s', (one) => `${one}.k`)} AS sk, ${dialect.mapped('s', (one) => `${one}.c`)} AS sc, ${names.join(', ')} FROM ` +
    `(SELECT id, w, ${dialect.sorted(dialect.collected(dialect.record({ k: 'k', c: 'c' })))} AS s, ${estimates.join(', ')} FROM ` +
    `(SELECT id, w, k, c, ${running} FROM ${rows}) JOIN sketch_bins USING (k) ` +
    `JOIN (SELECT id, w, ${places.join(', ')} FROM ${windows}) USING (id, w) GROUP BY id, w)`
  );
}

/**
 * The table's columns of a sketch, as SQL that goes on after a column: estimates, which the window's least and greatest
 * value bound, and the packed sketch.
 */
export function sketchOutput(dialect: Dialect, sketch: SketchShape | undefined): string {
  if (sketch === undefined) return '';
  const names = estimateNames(sketch);
  const estimates = sketch.quantiles.map(
    ({ column }, at) => `${boundedEstimate(names[at] ?? 'NULL')} AS ${dialect.identifier(column)}`,
  );
  const { buckets, counts } = sketchColumns;
  return `, ${estimates.join(', ')}, ${dialect.castList('sk', 'int')} AS ${dialect.identifier(buckets)}, ${dialect.castList('sc', 'long')} AS ${dialect.identifier(counts)}`;
}

/** An estimate that is never beyond the window's least and greatest value, `mn` and `mx`. */
export function boundedEstimate(estimate: string): string {
  return `greatest(least(${estimate}, CAST(mx AS DOUBLE)), CAST(mn AS DOUBLE))`;
}

/** floor(rank × (n - 1)) without a number that leaves 64 bits. */
function placeOf(
  { quotient }: Dialect,
  n: string,
  { numerator, denominator }: SketchShape['quantiles'][number]['rank'],
): string {
  const last = `(${n} - 1)`;
  return `(${quotient(last, denominator)} * ${numerator} + ${quotient(`${last} % ${denominator} * ${numerator}`, denominator)})`;
}
