import { edgeOf } from '../../audit/context.ts';
import { rowName } from '../../audit/rows.ts';
import { type SketchBuckets, sketchBuckets } from '../../audit/sketch-buckets.ts';
import { soundSketches } from '../../audit/sketches.ts';
import { soundEstimates } from '../../audit/verify-sketches.ts';
import type { RepairAudit } from './context.ts';
import { finerOf, isNear } from './merges.ts';

/**
 * The sketches of what a repair wrote: rows that are new or changed are sound, in touched base windows each bucket has as
 * many values as there are points in it, after the repair and before it, and coarser windows are sums of finer ones.
 */
export async function auditSketches(audit: RepairAudit): Promise<void> {
  const { session, findings, shape, rules } = audit;
  if (shape.sketch === undefined) return;
  const buckets = sketchBuckets(shape.sketch.gamma);
  await soundEstimates({ session, findings, sketch: shape.sketch, view: 'news' });
  await soundSketches({ session, findings, sketch: undefined, buckets, view: 'part_now' });
  await openBuckets(audit, buckets);
  for (const when of ['now', 'was'] as const) await pointsInBuckets(audit, when);
  for (const resolution of rules.resolutionsMs) await mergedBuckets(audit, resolution);
}

/** SQL: (id, w, k, c) of rows of a relation `rows`. */
function counts(relation: string, where: string, window = 'w'): string {
  return `SELECT id, w, k, sum(c) AS c FROM (SELECT id, ${window} AS w, unnest(sk) AS k, CAST(unnest(sc) AS HUGEINT) AS c FROM ${relation} AS rows WHERE ${where}) GROUP BY ALL`;
}

/** Makes `buckets` (k, low, high) of those that some touched base window has. */
async function openBuckets({ session, rules }: RepairAudit, buckets: SketchBuckets): Promise<void> {
  const used = ['now', 'was'].map(
    (when) =>
      `SELECT unnest(sk) AS k FROM rows_${when} SEMI JOIN touched USING (id, w) WHERE resolution = ${rules.baseMs}`,
  );
  const found = await session.query(
    `SELECT DISTINCT k FROM (${used.join(' UNION ALL ')}) WHERE k IS NOT NULL`,
  );
  const ranges = found.map(({ k }) => `(${[Number(k), ...buckets.range(Number(k))].join(', ')})`);
  await session.execute(
    `CREATE TEMP TABLE buckets AS SELECT CAST(k AS INTEGER) AS k, CAST(low AS BIGINT) AS low, CAST(high AS BIGINT) AS high FROM (VALUES ${ranges.join(', ') || '(NULL, NULL, NULL)'}) AS one(k, low, high)`,
  );
}

/** Each point lies between the borders of a bucket, and each bucket has as many as lie there. */
async function pointsInBuckets(
  { session, findings, rules }: RepairAudit,
  when: 'now' | 'was',
): Promise<void> {
  const inside = `SELECT id, w, CASE WHEN v <= high THEN k END AS k FROM points_${when} AS points ASOF LEFT JOIN buckets ON points.v >= buckets.low`;
  const expected = `SELECT id, w, k, count(*) AS c FROM (${inside}) GROUP BY ALL`;
  const found = counts(`(FROM rows_${when} SEMI JOIN touched USING (id, w))`, `resolution = ${rules.baseMs}`);
  await compare(
    { session, findings },
    {
      found,
      expected,
      resolution: rules.baseMs,
      check: 'points of the windows',
      what: when === 'was' ? ' before the repair' : '',
    },
  );
}

async function mergedBuckets({ session, findings, rules }: RepairAudit, resolution: number): Promise<void> {
  const finer = finerOf(rules, resolution);
  if (finer === undefined) return;
  const edge = edgeOf('w', resolution);
  const expected = `SELECT * FROM (${counts('rows_now', `resolution = ${finer}`, edge)}) AS rows WHERE ${isNear(resolution)}`;
  const found = `SELECT * FROM (${counts('rows_now', `resolution = ${resolution}`)}) AS rows WHERE ${isNear(resolution)}`;
  await compare({ session, findings }, { found, expected, resolution, check: 'coarser windows', what: '' });
}

interface Comparison {
  /** SELECTs of (id, w, k, c). */
  readonly found: string;
  readonly expected: string;
  readonly resolution: number;
  readonly check: string;
  readonly what: string;
}

async function compare(
  { session, findings }: Pick<RepairAudit, 'session' | 'findings'>,
  { found, expected, resolution, check, what }: Comparison,
): Promise<void> {
  const bad = await session.query(
    `SELECT coalesce(a.id, b.id) AS id, ${resolution} AS resolution, coalesce(a.w, b.w) AS w, coalesce(a.k, b.k) AS k, a.c AS found, b.c AS expected
      FROM (${found}) AS a FULL JOIN (${expected}) AS b ON a.id = b.id AND a.w = b.w AND a.k IS NOT DISTINCT FROM b.k
      WHERE a.c IS DISTINCT FROM b.c ORDER BY id, w, k LIMIT 6`,
  );
  for (const row of bad)
    findings.failed(
      check,
      `${rowName(row)}${what}: expected ${row['expected'] ?? 0} values in ${row['k'] === null ? 'no bucket of the sketch' : `bucket ${row['k']}`}, found ${row['found'] ?? 0}`,
    );
}
