import { edgeOf } from '../../audit/context.ts';
import { rowName } from '../../audit/rows.ts';
import type { RepairAudit } from './context.ts';

/**
 * Makes the views `points_now` and `points_was` (id, ts, v, w): of the touched base windows the points that are kept and the
 * repair's, and those that are kept, one per series and time.
 */
export async function openWindowPoints({ session, rules, facts }: RepairAudit): Promise<void> {
  const [q, o] = rules.duplicates === 'first' ? ['q', 'o'] : ['-q', '-o'];
  const late = rules.duplicates === 'first' ? 1 : 0;
  const edge = edgeOf('ts', rules.baseMs);
  const both = `SELECT id, ts, v, ${1 - late} AS turn, ${q} AS place FROM kept UNION ALL SELECT id, ts, v, ${late}, ${o} FROM points WHERE ${edge} <= ${facts.closedThroughMs}`;
  const views = { now: both, was: `SELECT id, ts, v, 0 AS turn, ${q} AS place FROM kept` };
  for (const [when, points] of Object.entries(views))
    await session.execute(
      `CREATE TEMP VIEW points_${when} AS SELECT id, ts, v, ${edge} AS w FROM (${points}) QUALIFY row_number() OVER (PARTITION BY id, ts ORDER BY turn, place) = 1`,
    );
}

/** Each touched base window has exactly its points, after the repair and before it. Views of points must be there. */
export async function auditWindows({ session, findings, rules }: RepairAudit): Promise<void> {
  const check = 'points of the windows';
  const names = ['n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv'];
  const differs = names.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ');
  for (const when of ['now', 'was'] as const) {
    const rows = `SELECT id, w, count(*) AS n, sum(v) AS s, min(v) AS mn, max(v) AS mx, min(ts) AS ft, arg_min(v, ts) AS fv, max(ts) AS lt, arg_max(v, ts) AS lv FROM points_${when} GROUP BY ALL`;
    const bad = await session.query(
      `SELECT coalesce(a.id, b.id) AS id, ${rules.baseMs} AS resolution, coalesce(a.w, b.w) AS w, ${names.map((name) => `a.${name}, b.${name} AS b_${name}`).join(', ')}
        FROM (SELECT * FROM rows_${when} SEMI JOIN touched USING (id, w) WHERE resolution = ${rules.baseMs}) AS a FULL JOIN (${rows}) AS b ON a.id = b.id AND a.w = b.w
        WHERE ${differs} ORDER BY id, w LIMIT 6`,
    );
    const [count] = await session.query('SELECT count(*) AS n FROM touched');
    findings.checked(check, Number(count?.['n'] ?? 0));
    for (const row of bad) {
      const different = names.filter((name) => String(row[name]) !== String(row[`b_${name}`]));
      const say = (prefix: string) =>
        different.map((name) => `${name} ${row[`${prefix}${name}`]}`).join(', ');
      findings.failed(
        check,
        `${rowName(row)}${when === 'was' ? ' before the repair' : ''}: expected ${say('b_')} of its points, found ${say('')}`,
      );
    }
  }
}
