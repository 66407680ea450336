import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { windows } from '../levels.ts';
import type { RollupRules } from '../rules.ts';
import { binRows, mergedSketches, packedSketches, pointSketches, unpackedSketches } from '../sql/sketches.ts';
import { finerOf } from '../sql/windows.ts';
import { sketchBins } from './bins.ts';
import type { SketchShape } from './sketch.ts';

/** Name of the table with the sketches of a resolution's windows, a row each: (id, w, sk, sc, q0, …). */
export const sketches = (resolutionMs: number) => `sketches_${resolutionMs}`;

const base = 'sketch_base';
/** Name of the table with the rows of a resolution's sketches that are new in this batch. */
const fresh = (resolutionMs: number) => `sketch_fresh_${resolutionMs}`;

/**
 * Makes the table `sketches_<resolution>` of every resolution, as `mergeLevels` makes the windows, which must be there. No
 * table for a pipeline without quantiles.
 */
export async function mergeSketches(
  session: EngineSession,
  rules: RollupRules,
  sketch: SketchShape | undefined,
  closes: string,
): Promise<void> {
  if (sketch === undefined) return;
  await session.execute(`CREATE TEMP TABLE sketch_bins AS ${binRows(duckDb, sketchBins(sketch))}`);
  await session.execute(
    `CREATE TEMP TABLE ${base} AS ${pointSketches(rules, sketch, { from: 'ordered', where: closes })}`,
  );
  const made = [base];
  for (const resolution of rules.resolutionsMs) {
    let rows = base;
    if (resolution !== rules.baseMs) {
      const finer = finerOf(resolution, rules);
      const from = finer === rules.baseMs ? base : fresh(finer);
      await session.execute(
        `CREATE TEMP TABLE ${fresh(resolution)} AS ${mergedSketches(`SELECT * FROM ${from}`, resolution)}`,
      );
      made.push(fresh(resolution));
      rows = `(${mergedSketches(`SELECT * FROM ${fresh(resolution)} UNION ALL ${unpackedSketches(duckDb, 'part', `resolution = ${resolution}`)}`, undefined)})`;
    }
    await session.execute(
      `CREATE TEMP TABLE ${sketches(resolution)} AS ${packedSketches(duckDb, rows, windows(resolution), sketch)}`,
    );
  }
  for (const table of made) await session.execute(`DROP TABLE ${table}`);
}
