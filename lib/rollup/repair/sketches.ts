import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { RollupRules } from '../rules.ts';
import { sketchBins } from '../sketch/bins.ts';
import type { SketchShape } from '../sketch/sketch.ts';
import {
  binRows,
  boundedEstimate,
  mergedSketches,
  packedSketches,
  pointSketches,
  sketchLists,
  unpackedSketches,
} from '../sql/sketches.ts';
import { refused, windowName } from './refuse.ts';
import type { Repairing } from './repairing.ts';
import { estimatesOf } from './stored.ts';

/** Makes `sketch_bins`, which the statements over sketches need. Nothing without quantiles. */
export async function openSketches({ session, shape }: Repairing): Promise<void> {
  if (shape.sketch !== undefined)
    await session.execute(`CREATE TEMP TABLE sketch_bins AS ${binRows(duckDb, sketchBins(shape.sketch))}`);
}

/** SQL: the sketches (id, w, sk, sc) of the base windows' points, of a timeline (id, ts, v, kind). */
export function pointLists(rules: RollupRules, sketch: SketchShape, points: string): string {
  return sketchLists(pointSketches(rules, sketch, { from: points, where: 'kind = 1' }));
}

/** SQL: the sketches (id, w, sk, sc) of a resolution's windows from finer rows (id, w, sk, sc, …). */
export function mergedLists(rows: string, resolutionMs: number): string {
  return sketchLists(mergedSketches(unpackedSketches(duckDb, rows, 'true'), resolutionMs));
}

/** SQL: rows (id, w, n, mn, mx, sk, sc, …) of one resolution with their estimates (…, q0, …), as they are published. */
export function withEstimates({ shape: { sketch } }: Pick<Repairing, 'shape'>, rows: string): string {
  return sketch === undefined
    ? rows
    : `SELECT one.*, ${estimatesOf({ sketch }).join(', ')} FROM (${rows}) AS one JOIN (${estimated(sketch, rows)}) USING (id, w)`;
}

/** SQL: of rows their sketch once more (id, w, sk, sc, q0, …): buckets that there are, ascending, and the estimates. */
function estimated(sketch: SketchShape, rows: string): string {
  const bounded = estimatesOf({ sketch }).map((name) => `${boundedEstimate(name)} AS ${name}`);
  const packed = packedSketches(
    duckDb,
    `(${unpackedSketches(duckDb, `(${rows})`, 'true')})`,
    `(${rows})`,
    sketch,
  );
  return `SELECT id, w, sk, sc, ${bounded.join(', ')} FROM (${packed}) JOIN (SELECT id, w, mn, mx FROM (${rows})) USING (id, w)`;
}

/**
 * Every stored row that was read has a sketch of as many values as it has, and, where it is published, the estimates of it.
 * @throws RepairRefusedError naming a window
 */
export async function mustBeSketched(repairing: Repairing): Promise<void> {
  const { session, shape, rules } = repairing;
  if (shape.sketch === undefined) return;
  const differ = estimatesOf(shape).map((name) => `b.${name} IS DISTINCT FROM a.${name}`);
  for (const resolution of rules.resolutionsMs) {
    const rows = `SELECT * FROM stored WHERE resolution = ${resolution}`;
    const [bad] = await session.query(
      `SELECT a.resolution, a.id, a.w FROM (${rows}) AS a LEFT JOIN (${estimated(shape.sketch, rows)}) AS b USING (id, w)
        WHERE a.sk IS DISTINCT FROM b.sk OR a.sc IS DISTINCT FROM b.sc OR list_sum(a.sc) IS DISTINCT FROM a.n OR (a.file IS NOT NULL AND (${differ.join(' OR ')})) ORDER BY w, id LIMIT 1`,
    );
    if (bad !== undefined)
      throw refused(`the sketch of ${windowName(bad)} is not what its values say`, {
        next: 'partwise verify --full',
      });
  }
}
