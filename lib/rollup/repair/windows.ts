import { plural } from '../../report/format.ts';
import { windowOf } from '../sql/windows.ts';
import { refused, windowName } from './refuse.ts';
import type { Repairing } from './repairing.ts';
import { pointLists } from './sketches.ts';

/**
 * Makes, of the touched base windows, `before` and `after` (id, ts, v, fresh): their points without and with the repair's,
 * one per series and time, by the pipeline's rule; `fresh` says that no point was there at that time.
 */
export async function mergePoints({ session, spec, rules }: Repairing): Promise<void> {
  const [kept, q, fresh, o] =
    rules.duplicates === 'first' ? (['0', 'q', '1', 'o'] as const) : (['1', '-q', '0', '-o'] as const);
  await session.execute(
    `CREATE TEMP TABLE before AS SELECT id, ts, arg_min(v, ${q}) AS v, false AS fresh FROM raw GROUP BY id, ts`,
  );
  const closed = `SELECT id, ts, arg_min(v, ${o}) AS v FROM points WHERE ts <= ${spec.closedThroughMs} GROUP BY id, ts`;
  await session.execute(
    `CREATE TEMP TABLE after AS SELECT id, ts, arg_min(v, turn) AS v, count(*) FILTER (old) = 0 AS fresh FROM (
      SELECT id, ts, v, ${kept} AS turn, true AS old FROM before UNION ALL SELECT id, ts, v, ${fresh}, false FROM (${closed})) GROUP BY id, ts`,
  );
}

/**
 * Makes `rows_before` and `rows_after` (id, w, n, …, rs, sk, sc) of the touched base windows, and `shifts` (id, ts, inc, rs): by how
 * much the first point after a touched window adds something else to its own windows than it did.
 */
export async function baseWindows(repairing: Repairing): Promise<void> {
  const { session, rules, shape, values } = repairing;
  const gap = rules.maxGapMs === undefined ? 'true' : `ts - lag(ts) OVER series <= ${rules.maxGapMs}`;
  for (const which of ['before', 'after'] as const) {
    const timeline = `SELECT id, ts, v, 1 AS kind FROM ${which} UNION ALL SELECT id, ts, v, kind FROM anchors`;
    // Of two entries at one time the second is the same point as what precedes the next touched window.
    await session.execute(
      `CREATE TEMP TABLE deltas_${which} AS SELECT id, ts, v, kind, CASE WHEN p IS NULL THEN 0 WHEN v >= p THEN CAST(v AS HUGEINT) - p ELSE v END AS d,
        CASE WHEN v < p THEN 1 ELSE 0 END AS r FROM
        (SELECT *, CASE WHEN ${gap} THEN lag(v) OVER series END AS p FROM (${timeline}) WINDOW series AS (PARTITION BY id ORDER BY ts, kind DESC))`,
    );
    const points = `deltas_${which}`;
    const lists =
      shape.sketch === undefined ? '' : ` JOIN (${pointLists(rules, shape.sketch, points)}) USING (id, w)`;
    await session.execute(
      `CREATE TEMP TABLE rows_${which} AS SELECT id, w, ${values.join(', ')} FROM (SELECT id, ${windowOf('ts', rules.baseMs)} AS w, count(*) AS n, CAST(sum(v) AS HUGEINT) AS s, min(v) AS mn, max(v) AS mx,
        min(ts) AS ft, arg_min(v, ts) AS fv, max(ts) AS lt, arg_max(v, ts) AS lv, CAST(sum(d) AS HUGEINT) AS inc, CAST(sum(r) AS BIGINT) AS rs
        FROM ${points} WHERE kind = 1 GROUP BY ALL)${lists}`,
    );
  }
  await session.execute(
    `CREATE TEMP TABLE shifts AS SELECT id, ts, CAST(a.d - b.d AS HUGEINT) AS inc, CAST(a.r - b.r AS BIGINT) AS rs
      FROM deltas_after AS a JOIN deltas_before AS b USING (id, ts, kind) WHERE kind = 2 AND (a.d <> b.d OR a.r <> b.r)`,
  );
}

/**
 * What is kept of the points is all of them: without the repair's they give every touched row as it is published, and no
 * row where none is.
 * @throws RepairRefusedError naming a window
 */
export async function mustBeComplete({ session, rules, values }: Repairing): Promise<void> {
  const there = `SELECT stored.* FROM stored JOIN touched ON touched.id = stored.id AND touched.w = stored.w WHERE resolution = ${rules.baseMs}`;
  const differs = values.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ');
  const [bad] = await session.query(
    `SELECT coalesce(a.id, b.id) AS id, ${rules.baseMs} AS resolution, coalesce(a.w, b.w) AS w, a.n AS published, b.n AS kept, count(*) OVER () AS windows
      FROM (${there}) AS a FULL JOIN rows_before AS b ON a.id = b.id AND a.w = b.w WHERE ${differs} ORDER BY w, id LIMIT 1`,
  );
  if (bad === undefined) return;
  const count = (of: unknown) => (of === null ? 'no row' : plural(Number(of), 'point'));
  throw refused(
    `${windowName(bad)} is published with ${count(bad['published'])}, and the points that are kept make ${count(bad['kept'])}${Number(bad['published']) === Number(bad['kept']) ? ' of other values' : ''} (${bad['windows']} such windows)`,
    { details: { windows: Number(bad['windows']) } },
  );
}
