import type { EngineSession } from '../../engine/engine.ts';
import { estimateNames } from '../sql/sketches.ts';
import type { RollupAudit } from './context.ts';
import type { Findings } from './findings.ts';
import { rowName } from './rows.ts';
import { type SketchBuckets, sketchBuckets } from './sketch-buckets.ts';

type Sketch = NonNullable<RollupAudit['shape']['sketch']>;

/** The batch's sketches: each sound and of its row's values, and every bucket conserved over all resolutions. */
export async function auditSketches(audit: RollupAudit): Promise<void> {
  const { session, findings, shape, rules } = audit;
  if (shape.sketch === undefined) return;
  const buckets = sketchBuckets(shape.sketch.gamma);
  await soundSketches({ session, findings, sketch: shape.sketch, buckets, view: 'published' });
  await soundSketches({ session, findings, sketch: undefined, buckets, view: 'part_after' });
  const check = 'sketches are conserved';
  const counts = (view: string, sign = '') =>
    `SELECT resolution, unnest(sk) AS k, ${sign}CAST(unnest(sc) AS HUGEINT) AS c FROM ${view}`;
  await session.execute(
    `CREATE TEMP TABLE sketch_totals AS SELECT resolution, k, sum(c) AS c FROM (${counts('published')} UNION ALL ${counts('part_after')} UNION ALL ${counts('part_before', '-')}) GROUP BY ALL HAVING sum(c) <> 0`,
  );
  const [all] = await session.query('SELECT count(*) AS n FROM sketch_totals');
  findings.checked(check, Number(all?.['n'] ?? 0));
  const bad = await session.query(
    `SELECT k, CAST(map_from_entries(list((resolution, c) ORDER BY resolution)) AS VARCHAR) AS counts FROM sketch_totals GROUP BY k
     HAVING count(*) <> ${rules.resolutionsMs.length} OR min(c) <> max(c) ORDER BY k LIMIT 5`,
  );
  for (const row of bad)
    findings.failed(
      check,
      `bucket ${row['k']}: expected one count at every resolution, found ${row['counts']}`,
    );
}

interface SoundOptions {
  readonly session: EngineSession;
  readonly findings: Findings;
  /** Its estimates are in the view; undefined: none are. */
  readonly sketch: Sketch | undefined;
  readonly buckets: SketchBuckets;
  readonly view: string;
}

/**
 * Rows whose sketch can be theirs: buckets ascend and have values, as many as the row, the least and the greatest in the
 * first and the last one; estimates ascend between them.
 */
export async function soundSketches(options: SoundOptions): Promise<void> {
  const { session, findings, sketch, buckets, view } = options;
  const ends = await session.query(
    `SELECT DISTINCT unnest([sk[1], sk[len(sk)]]) AS k FROM ${view} WHERE len(sk) > 0 ORDER BY k`,
  );
  const ranges = ends.flatMap(({ k }) => (k === null ? [] : [[Number(k), ...buckets.range(Number(k))]]));
  const values = ranges.map((range) => `(${range.join(', ')})`).join(', ') || '(NULL, NULL, NULL)';
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE sketch_ends AS SELECT CAST(k AS INTEGER) AS k, CAST(low AS BIGINT) AS low, CAST(high AS BIGINT) AS high FROM (VALUES ${values}) AS ends(k, low, high)`,
  );
  const estimates =
    sketch === undefined ? [] : ['CAST(mn AS DOUBLE)', ...estimateNames(sketch), 'CAST(mx AS DOUBLE)'];
  const ascend = estimates.slice(1).map((one, at) => `${estimates[at]} <= ${one}`);
  const holds = [
    'len(sk) = len(sc)',
    'list_sum(sc) = n',
    'list_min(sc) >= 1',
    'coalesce(list_bool_and(list_transform(sk[2:], lambda one, place: one > sk[place])), true)',
    'mn BETWEEN first.low AND first.high',
    'mx BETWEEN last.low AND last.high',
    ...ascend,
  ].join(' AND ');
  const rows = `FROM ${view} LEFT JOIN sketch_ends AS first ON first.k = sk[1] LEFT JOIN sketch_ends AS last ON last.k = sk[len(sk)]`;
  const check = 'sketches';
  const [all] = await session.query(
    `SELECT count(*) AS n, count(*) FILTER ((${holds}) IS NOT TRUE) AS broken ${rows}`,
  );
  findings.checked(check, Number(all?.['n'] ?? 0));
  if (Number(all?.['broken'] ?? 0) === 0) return;
  const bad = await session.query(
    `SELECT * ${rows} WHERE (${holds}) IS NOT TRUE ORDER BY resolution, w, id LIMIT 5`,
  );
  for (const row of bad)
    findings.failed(
      check,
      `${rowName(row)}: expected a sketch of ${row['n']} values in ${row['mn']}..${row['mx']}, found ${sketchText(row['sk'], row['sc'])}`,
    );
}

/** @example '12×3 40×1' */
function sketchText(buckets: unknown, counts: unknown): string {
  if (!Array.isArray(buckets) || !Array.isArray(counts)) return 'none';
  const shown = buckets.slice(0, 20).map((bucket, at) => `${bucket}×${counts[at]}`);
  return `${shown.join(' ')}${buckets.length > shown.length ? ' …' : ''}`;
}
