import type { EngineSession } from '../../engine/engine.ts';
import type { SketchShape } from '../sketch/sketch.ts';
import { estimateNames } from '../sql/sketches.ts';
import type { Findings } from './findings.ts';
import { rowName } from './rows.ts';
import { sketchBuckets } from './sketch-buckets.ts';
import { soundSketches } from './sketches.ts';

interface SketchesOptions {
  readonly session: EngineSession;
  readonly findings: Findings;
  readonly sketch: SketchShape | undefined;
}

/** The sketches of a view's published rows: each sound, its estimates those of its counts. */
export async function soundEstimates(options: SketchesOptions & { readonly view: string }): Promise<void> {
  const { session, findings, sketch, view } = options;
  if (sketch === undefined) return;
  const buckets = sketchBuckets(sketch.gamma);
  await soundSketches({ session, findings, sketch, buckets, view });
  const names = estimateNames(sketch);
  const first = sketch.quantiles.map(
    ({ rank }, at) =>
      `min(k) FILTER (upto * ${rank.denominator} > (n - 1) * ${rank.numerator}) AS k${at}, any_value(${names[at]}) AS q${at}`,
  );
  const counts = `SELECT resolution, id, w, CAST(n AS HUGEINT) AS n, mn, mx, ${names.join(', ')}, unnest(sk) AS k, CAST(unnest(sc) AS HUGEINT) AS c`;
  await session.execute(`CREATE OR REPLACE TEMP TABLE estimated AS
    SELECT resolution, id, w, any_value(mn) AS mn, any_value(mx) AS mx, ${first.join(', ')} FROM
    (SELECT *, sum(c) OVER (PARTITION BY resolution, id, w ORDER BY k RANGE UNBOUNDED PRECEDING) AS upto FROM
    (${counts} FROM ${view})) GROUP BY resolution, id, w`);
  const used = await session.query(
    `SELECT DISTINCT unnest([${names.map((_, at) => `k${at}`).join(', ')}]) AS k FROM estimated ORDER BY k`,
  );
  // As text: a plain number with a point is a decimal, which is not always cast to the nearest double.
  const values = used.flatMap(({ k }) =>
    k === null ? [] : [`(${Number(k)}, CAST('${buckets.estimate(Number(k))}' AS DOUBLE))`],
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE sketch_values AS SELECT k, x FROM (VALUES ${values.join(', ') || '(NULL, NULL)'}) AS one(k, x)`,
  );
  const check = 'estimates';
  for (const [at, name] of names.entries()) {
    const bounded = 'CASE WHEN x < mn THEN CAST(mn AS DOUBLE) WHEN x > mx THEN CAST(mx AS DOUBLE) ELSE x END';
    const compared = `SELECT resolution, id, w, ${name} AS found, ${bounded} AS expected FROM estimated LEFT JOIN sketch_values ON k = k${at}`;
    const [all] = await session.query('SELECT count(*) AS n FROM estimated');
    findings.checked(check, Number(all?.['n'] ?? 0));
    const bad = await session.query(
      `SELECT * FROM (${compared}) WHERE found IS DISTINCT FROM expected ORDER BY resolution, id, w LIMIT 5`,
    );
    for (const row of bad)
      findings.failed(
        check,
        `${rowName(row)}: expected ${sketch.quantiles[at]?.column} ${row['expected']} of its counts, found ${row['found']}`,
      );
  }
}

/**
 * The sketches of `published` are the sums of those in `finer`. `edge` is the window of a row of `finer`, `where` chooses
 * those rows.
 */
export async function sketchesMerge(
  { session, findings, sketch }: SketchesOptions,
  {
    resolutionMs,
    edge,
    where,
  }: { readonly resolutionMs: number; readonly edge: string; readonly where: string },
): Promise<void> {
  if (sketch === undefined) return;
  const counts = (view: string, window: string, which: string) =>
    `SELECT id, w, k, sum(c) AS c FROM (SELECT id, ${window} AS w, unnest(sk) AS k, CAST(unnest(sc) AS HUGEINT) AS c FROM ${view} WHERE ${which}) GROUP BY ALL`;
  const bad = await session.query(
    `SELECT coalesce(a.id, b.id) AS id, ${resolutionMs} AS resolution, coalesce(a.w, b.w) AS w, coalesce(a.k, b.k) AS k, a.c AS found, b.c AS expected
     FROM (${counts('published', 'w', 'true')}) AS a FULL JOIN (${counts('finer', edge, where)}) AS b ON a.id = b.id AND a.w = b.w AND a.k = b.k
     WHERE a.c IS DISTINCT FROM b.c ORDER BY id, w, k LIMIT 5`,
  );
  findings.checked('coarser windows', 0);
  for (const row of bad)
    findings.failed(
      'coarser windows',
      `${rowName(row)}: expected ${row['expected'] ?? 0} values in bucket ${row['k']}, found ${row['found'] ?? 0}`,
    );
}
