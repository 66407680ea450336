import { finerOf, windowOf } from '../sql/windows.ts';
import { refused, windowName } from './refuse.ts';
import type { Repairing } from './repairing.ts';
import { mergedLists } from './sketches.ts';
import { estimatesOf, loadStored } from './stored.ts';

/** Loads what the touched windows of all resolutions, and the search for neighbours, are made from. */
export async function loadTouched(repairing: Repairing): Promise<void> {
  const { rules } = repairing;
  await loadStored(
    repairing,
    rules.baseMs,
    `SELECT id, w - ${rules.baseMs} AS after, w AS upto FROM touched`,
  );
  for (const resolution of rules.resolutionsMs.slice(1)) {
    const window = windowOf('w', resolution);
    const range = `SELECT id, ${window} - ${resolution} AS after, ${window} AS upto FROM touched`;
    await loadStored(repairing, resolution, range);
    await loadStored(repairing, finerOf(resolution, rules), range);
  }
}

/** Loads the rows, of all resolutions, that the points in `shifts` lie in. */
export async function loadShifted(repairing: Repairing): Promise<void> {
  for (const resolution of repairing.rules.resolutionsMs) {
    const window = windowOf('ts', resolution);
    await loadStored(
      repairing,
      resolution,
      `SELECT id, ${window} - ${resolution} AS after, ${window} AS upto FROM shifts`,
    );
  }
}

/**
 * Makes `changed` (resolution, id, w, n, …, rs, l0, …, file, pos): every row that the repair adds or gives other values, with
 * its old place where it has one. Level by level: touched windows of the base from their points, coarser ones
 * from the finer rows as they are now; of what only the next point's difference changes, the difference.
 * @throws RepairRefusedError when a stored row is not the merge of its finer ones
 */
export async function changeLevels(repairing: Repairing): Promise<void> {
  const { session, rules, labels, values, shape } = repairing;
  const names = [...values, ...labels].join(', ');
  const estimates = estimatesOf(shape);
  await session.execute(
    `CREATE TEMP TABLE changed AS SELECT *${estimates.length === 0 ? '' : ` EXCLUDE (${estimates.join(', ')})`} FROM stored WHERE false`,
  );
  for (const resolution of rules.resolutionsMs) {
    const window = windowOf('w', resolution);
    await session.execute(
      `CREATE OR REPLACE TEMP TABLE level AS SELECT DISTINCT id, ${window} AS w FROM touched`,
    );
    if (resolution === rules.baseMs)
      await session.execute(`CREATE TEMP TABLE merged AS ${baseRows(repairing)}`);
    else await mergeFiner(repairing, resolution);
    await session.execute(`INSERT INTO changed SELECT ${resolution}, merged.id, merged.w, ${[...values, ...labels].map((name) => `merged.${name}`).join(', ')}, stored.file, stored.pos
      FROM merged LEFT JOIN stored ON stored.resolution = ${resolution} AND stored.id = merged.id AND stored.w = merged.w
      WHERE ${values.map((name) => `merged.${name} IS DISTINCT FROM stored.${name}`).join(' OR ')}`);
    await shiftRows(repairing, resolution, names);
  }
}

/** Rows of touched base windows, under the labels of their first point. */
function baseRows({ rules, labels, values }: Repairing): string {
  const chosen = labels.map(
    (name) => `CASE WHEN stored.ft <= rows.ft THEN stored.${name} ELSE series.${name} END AS ${name}`,
  );
  return `SELECT rows.id, rows.w, ${values.map((name) => `rows.${name}`).join(', ')}, ${chosen.join(', ')} FROM rows_after AS rows JOIN series USING (id)
    LEFT JOIN stored ON stored.resolution = ${rules.baseMs} AND stored.id = rows.id AND stored.w = rows.w`;
}

/** Makes `merged` of the windows in `level` from the finer rows, and holds the old ones against the old finer rows. */
async function mergeFiner(repairing: Repairing, resolution: number): Promise<void> {
  const { session, rules, labels, values } = repairing;
  const finer = finerOf(resolution, rules);
  const names = [...values, ...labels].join(', ');
  const inside = (from: string) =>
    `SELECT rows.id, rows.w, ${[...values, ...labels].map((name) => `rows.${name}`).join(', ')} FROM ${from} AS rows SEMI JOIN level ON level.id = rows.id AND level.w = ${windowOf('rows.w', resolution)} WHERE rows.resolution = ${finer}`;
  const now = `${inside('changed')} UNION ALL SELECT id, w, ${names} FROM (${inside('stored')}) AS old ANTI JOIN (SELECT id, w FROM changed WHERE resolution = ${finer}) AS newer USING (id, w)`;
  await session.execute(`CREATE OR REPLACE TEMP TABLE merged AS ${merge(repairing, now, resolution)}`);
  const before = merge(repairing, inside('stored'), resolution);
  const there = `SELECT stored.* FROM stored SEMI JOIN level USING (id, w) WHERE resolution = ${resolution}`;
  const differs = values.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ');
  const [bad] = await session.query(
    `SELECT coalesce(a.id, b.id) AS id, ${resolution} AS resolution, coalesce(a.w, b.w) AS w FROM (${there}) AS a FULL JOIN (${before}) AS b ON a.id = b.id AND a.w = b.w
      WHERE ${differs} ORDER BY w, id LIMIT 1`,
  );
  if (bad !== undefined)
    throw refused(`${windowName(bad)} is not the merge of its rows of ${finer} ms`, {
      next: 'partwise verify --full',
    });
}

function merge({ labels, values, shape }: Repairing, rows: string, resolution: number): string {
  const struct = `{${labels.map((name) => `'${name}': ${name}`).join(', ')}}`;
  const chosen = labels.map((name) => `first.${name} AS ${name}`);
  const merged = `SELECT id, ${windowOf('w', resolution)} AS w, CAST(sum(n) AS BIGINT) AS n, CAST(sum(s) AS HUGEINT) AS s, min(mn) AS mn, max(mx) AS mx,
    min(ft) AS ft, arg_min(fv, ft) AS fv, max(lt) AS lt, arg_max(lv, lt) AS lv, CAST(sum(inc) AS HUGEINT) AS inc, CAST(sum(rs) AS BIGINT) AS rs,
    arg_min(${struct}, ft) AS first FROM (${rows}) GROUP BY ALL`;
  const lists =
    shape.sketch === undefined ? '' : ` JOIN (${mergedLists(`(${rows})`, resolution)}) USING (id, w)`;
  return `SELECT id, w, ${[...values, ...chosen].join(', ')} FROM (${merged})${lists}`;
}

/** Adds to `changed` the rows outside of `level` that a point of `shifts` lies in. */
async function shiftRows({ session, rules }: Repairing, resolution: number, names: string): Promise<void> {
  const window = windowOf('ts', resolution);
  const total = `SELECT id, ${window} AS w, CAST(sum(inc) AS HUGEINT) AS inc, CAST(sum(rs) AS BIGINT) AS rs FROM shifts GROUP BY ALL HAVING sum(inc) <> 0 OR sum(rs) <> 0`;
  const found = `SELECT * FROM (${total}) AS total ANTI JOIN level USING (id, w)`;
  const [lost] = await session.query(
    `SELECT id, ${resolution} AS resolution, w FROM (${found}) AS total ANTI JOIN (SELECT id, w FROM stored WHERE resolution = ${resolution}) AS there USING (id, w) LIMIT 1`,
  );
  if (lost !== undefined)
    throw refused(`${windowName(lost)} has a point and no row (base ${rules.baseMs} ms)`, {
      next: 'partwise verify --full',
    });
  await session.execute(
    `INSERT INTO changed SELECT resolution, id, w, ${names}, file, pos FROM (
      SELECT stored.* REPLACE (stored.inc + total.inc AS inc, stored.rs + total.rs AS rs) FROM stored JOIN (${found}) AS total ON total.id = stored.id AND total.w = stored.w
      WHERE stored.resolution = ${resolution})`,
  );
}
