import type { PartitionValue } from '../../iceberg/types.ts';
import { windowOf } from '../sql/windows.ts';
import type { Repairing } from './repairing.ts';
import { addStored, islands, literal, rowsOfFiles } from './stored.ts';
import { filesFor } from './table-files.ts';

type Side = 'before' | 'after';

/**
 * Makes `anchors` (id, ts, v, kind, w): of each stretch of touched windows the series' last point before it (kind 0) and its
 * first point after it (kind 2), `w` being the base window of the latter, unless they lie in touched windows themselves.
 * `stored` must have, of every resolution, the rows of finer ones inside of the touched windows, and all of `part`.
 *
 * Which row tells: what is nearest lies in the same window of some resolution, whose finer rows are there, or else outside
 * of the touched window of the coarsest resolution, where its rows are looked for, bucket by bucket.
 */
export async function findNeighbours(repairing: Repairing): Promise<void> {
  const { session, rules } = repairing;
  const { baseMs } = rules;
  const touched = islands(`SELECT id, w - ${baseMs} AS after, w AS upto FROM touched`);
  await session.execute(
    `CREATE TEMP TABLE edges AS SELECT one.id, after AS opens, upto AS ends, tails_before.ts AS tail FROM (${touched}) AS one LEFT JOIN tails_before USING (id)`,
  );
  await seekOutside(repairing, 'before');
  await seekOutside(repairing, 'after');
  const before = `SELECT id, opens, max(lt) AS ts, arg_max(lv, lt) AS v FROM (
      SELECT id, opens, lt, lv FROM (${nearestStored(repairing, 'before')})
      UNION ALL SELECT edges.id, opens, ts, v FROM edges JOIN tails_before USING (id) WHERE ts <= opens) GROUP BY id, opens`;
  const after = `SELECT id, ends, min(ft) AS ts, arg_min(fv, ft) AS v FROM (${nearestStored(repairing, 'after')}) GROUP BY id, ends`;
  await session.execute(
    `CREATE TEMP TABLE anchors AS SELECT DISTINCT id, ts, v, kind, ${windowOf('ts', baseMs)} AS w FROM (
      SELECT id, ts, v, 0 AS kind FROM (${before}) UNION ALL SELECT id, ts, v, 2 AS kind FROM (${after})) AS found
      ANTI JOIN touched ON touched.id = found.id AND touched.w = ${windowOf('found.ts', baseMs)}`,
  );
}

/** Of each edge the nearest row of each resolution that lies wholly before or after it. */
function nearestStored({ rules }: Pick<Repairing, 'rules'>, side: Side): string {
  const beyond = side === 'before' ? 'edges.opens >= rows.w' : 'edges.ends <= rows.w - rows.resolution';
  return rules.resolutionsMs
    .map(
      (resolution) =>
        `SELECT edges.*, rows.* EXCLUDE (id) FROM edges ASOF JOIN (SELECT * FROM stored WHERE resolution = ${resolution}) AS rows ON rows.id = edges.id AND ${beyond}`,
    )
    .join(' UNION ALL ');
}

/**
 * Adds to `stored` the nearest row of the coarsest resolution before or after the touched windows of it, of those that
 * nothing nearer is known of. A gap above `maxGap` ends the search, since what lies beyond it does not matter.
 */
async function seekOutside(repairing: Repairing, side: Side): Promise<void> {
  const { session, rules, files } = repairing;
  const { baseMs, maxGapMs } = rules;
  const coarsest = rules.resolutionsMs.at(-1) ?? baseMs;
  const isBefore = side === 'before';
  // A stretch may be longer than a window of the coarsest resolution.
  const window = windowOf(isBefore ? `(opens + ${baseMs})` : 'ends', coarsest);
  // Rows that are there for another touched window of the series do not tell what is nearest to this one.
  const known = isBefore ? `w - resolution >= ${window} - ${coarsest}` : `w <= ${window}`;
  // Tails are complete unless gaps end them: a series without one, or whose tail is not later, has nothing after.
  const hasNone = `tail <= ${isBefore ? 'opens' : 'ends'}${maxGapMs === undefined ? ' OR tail IS NULL' : ''}`;
  const gap = maxGapMs ?? 'NULL';
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE seek AS SELECT DISTINCT id, ${isBefore ? `${window} - ${coarsest}` : window} AS edge,
      ${isBefore ? `opens - ${gap}` : `ends + ${gap}`} AS most FROM edges
      ANTI JOIN (SELECT id, opens, ends FROM (${nearestStored(repairing, side)}) WHERE ${known}) AS near USING (id, opens, ends) WHERE (${hasNone}) IS NOT TRUE`,
  );
  const days = [...new Set(files.filter((one) => one.resolutionMs === coarsest).map(({ day }) => day))];
  days.sort((a, b) => (isBefore ? b - a : a - b));
  for (const day of days) {
    const [left] = await session.query(
      'SELECT count(*) AS n, min(id) AS low, max(id) AS high, min(edge) AS first, max(edge) AS last, min(most) AS least, max(most) AS most FROM seek',
    );
    if (left === undefined || Number(left['n']) === 0) return;
    const nearest = Number(isBefore ? left['last'] : left['first']);
    const farthest = left['most'] === null ? undefined : Number(isBefore ? left['least'] : left['most']);
    const windows = isBefore
      ? ([(farthest ?? Number.NEGATIVE_INFINITY) + 1, nearest] as const)
      : ([nearest + 1, (farthest ?? Number.POSITIVE_INFINITY) + coarsest] as const);
    const found = filesFor(files, {
      resolutionMs: coarsest,
      days: new Set([day]),
      ids: [left['low'] as PartitionValue, left['high'] as PartitionValue],
      windows,
    });
    if (found.length === 0) continue;
    const beyond = isBefore ? 'seek.edge >= rows.w' : `seek.edge <= rows.w - rows.resolution`;
    await session.execute(
      `CREATE OR REPLACE TEMP TABLE nearest AS SELECT rows.*, seek.edge FROM seek ASOF JOIN
        (SELECT * FROM (${await rowsOfFiles(repairing, found)}) WHERE resolution = ${coarsest} AND id BETWEEN ${literal(left['low'])} AND ${literal(left['high'])}) AS rows
        ON rows.id = seek.id AND ${beyond}`,
    );
    await addStored(repairing, 'SELECT DISTINCT * EXCLUDE (edge) FROM nearest');
    await session.execute(
      'DELETE FROM seek USING nearest WHERE nearest.id = seek.id AND nearest.edge = seek.edge',
    );
  }
}
