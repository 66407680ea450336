import { text, textList } from '../../engine/sql.ts';
import { inParts, partsPath, pointsIn } from '../plan/part-range.ts';
import type { RollupAudit } from './context.ts';

/**
 * Makes `drawn` (n, id, points): series to recompute, some of each kind, the largest among them, no more than the sample
 * allows. Which ones changes with the run and not with the attempt. Returns how many there are.
 */
export async function drawSample(audit: RollupAudit): Promise<number> {
  const { session, sample, context, rules } = audit;
  const coarsest = rules.resolutionsMs.at(-1) ?? rules.baseMs;
  const order = `hash(id, ${text(context.runId)}), id`;
  const quota = Math.max(3, Math.ceil(sample.series / 8));
  const some = (kind: number, rows: string, by = order, most = quota) =>
    `SELECT ${kind} AS kind, id FROM (SELECT DISTINCT id FROM (${rows})) ORDER BY ${by} LIMIT ${most}`;
  const sources = audit.sources.filter((source) => pointsIn(source, audit.range).points > 0);
  const files = await Promise.all(
    sources.map(({ labels }) => partsPath(context.world.results, labels, audit.range)),
  );
  const prepared = `read_parquet(${textList(files)}) WHERE ${inParts(audit.range, 'part')}`;
  const arriving = files.length === 0 ? 'SELECT id FROM points_in' : `SELECT id FROM ${prepared}`;
  const kinds = [
    `SELECT 0 AS kind, id FROM (SELECT id, sum(n) AS n FROM published WHERE resolution = ${coarsest} GROUP BY id) ORDER BY n DESC, ${order} LIMIT 3`,
    some(1, `SELECT id FROM published WHERE resolution = ${coarsest} AND rs > 0`),
    some(2, `SELECT id FROM hot_before SEMI JOIN (${arriving}) AS arriving USING (id)`),
    some(3, 'SELECT id FROM tails_before'),
    some(4, 'SELECT id FROM part_before'),
    some(5, 'SELECT id FROM hot_after'),
    some(6, 'SELECT id FROM tails_after'),
    some(7, arriving, order, sample.series),
    some(8, `SELECT id FROM published WHERE resolution = ${coarsest}`),
  ];
  await session.execute(
    `CREATE TEMP TABLE candidates AS SELECT id, min(kind) AS kind FROM (${kinds.map((kind) => `(${kind})`).join(' UNION ALL ')}) GROUP BY id`,
  );
  // Prepare has counted the points of each series; what is drawn is compared point by point anyway.
  const counted = files.length === 0 ? 'SELECT id, 1 AS n FROM points_in' : `SELECT id, n FROM ${prepared}`;
  const sizes = `SELECT id, sum(n) AS n FROM (${counted} UNION ALL SELECT id, 1 FROM hot_before) SEMI JOIN candidates USING (id) GROUP BY id`;
  await session.execute(`CREATE TEMP TABLE drawn AS SELECT CAST(row_number() OVER () - 1 AS INTEGER) AS n, id, points FROM
    (SELECT id, points FROM (SELECT id, points, sum(points) OVER (ORDER BY place, id ROWS UNBOUNDED PRECEDING) AS total FROM
      (SELECT id, coalesce(sizes.n, 0) + 1 AS points, row_number() OVER (PARTITION BY kind ORDER BY ${order}) AS place
        FROM candidates LEFT JOIN (${sizes}) AS sizes USING (id) WHERE coalesce(sizes.n, 0) + 1 <= ${sample.points} QUALIFY true))
     WHERE total <= ${sample.points} ORDER BY total LIMIT ${sample.series}) ORDER BY id`);
  const [row] = await session.query('SELECT count(*) AS n FROM drawn');
  return Number(row?.['n'] ?? 0);
}
