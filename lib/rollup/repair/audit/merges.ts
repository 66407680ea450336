import { edgeOf } from '../../audit/context.ts';
import { rowName } from '../../audit/rows.ts';
import type { RollupRules } from '../../rules.ts';
import { type RepairAudit, rowValues } from './context.ts';

/** The finer resolution that a coarser one is the merge of; undefined for the base. */
export function finerOf(
  { resolutionsMs }: Pick<RollupRules, 'resolutionsMs'>,
  resolutionMs: number,
): number | undefined {
  return resolutionsMs.findLast((one) => one < resolutionMs && resolutionMs % one === 0);
}

/** SQL condition of a row `rows` of this resolution: all finer rows of its window are in the tables of rows. */
export function isNear(resolutionMs: number): string {
  return `EXISTS (SELECT 1 FROM near WHERE near.id = rows.id AND rows.w - ${resolutionMs} >= near.after AND rows.w <= near.upto)`;
}

/** Every row that is near what changed is there once, and each coarser one is the merge of the finer ones in its window. */
export async function auditMerges({ session, findings, rules }: RepairAudit): Promise<void> {
  const check = 'coarser windows';
  const twice = await session.query(
    'SELECT resolution, id, w, count(*) AS n FROM rows_now GROUP BY resolution, id, w HAVING count(*) > 1 ORDER BY ALL LIMIT 6',
  );
  findings.checked(
    'unique windows',
    Number((await session.query('SELECT count(*) AS n FROM rows_now'))[0]?.['n'] ?? 0),
  );
  for (const row of twice)
    findings.failed('unique windows', `${rowName(row)}: expected 1 row, found ${row['n']}`);
  for (const resolution of rules.resolutionsMs) {
    const finer = finerOf(rules, resolution);
    if (finer === undefined) continue;
    const edge = edgeOf('w', resolution);
    const whole = isNear(resolution);
    const merged = `SELECT * FROM (SELECT id, ${edge} AS w, CAST(sum(n) AS BIGINT) AS n, sum(s) AS s, min(mn) AS mn, max(mx) AS mx, min(ft) AS ft, arg_min(fv, ft) AS fv,
      max(lt) AS lt, arg_max(lv, lt) AS lv, sum(inc) AS inc, CAST(sum(rs) AS BIGINT) AS rs FROM rows_now WHERE resolution = ${finer} GROUP BY ALL) AS rows WHERE ${whole}`;
    const there = `SELECT * FROM rows_now AS rows WHERE resolution = ${resolution} AND ${whole}`;
    const differs = rowValues.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ');
    const [count] = await session.query(`SELECT count(*) AS n FROM (${there})`);
    findings.checked(check, Number(count?.['n'] ?? 0));
    const bad = await session.query(
      `SELECT coalesce(a.id, b.id) AS id, ${resolution} AS resolution, coalesce(a.w, b.w) AS w, ${rowValues.map((name) => `a.${name}, b.${name} AS b_${name}`).join(', ')}
        FROM (${there}) AS a FULL JOIN (${merged}) AS b ON a.id = b.id AND a.w = b.w WHERE ${differs} ORDER BY id, w LIMIT 6`,
    );
    for (const row of bad) {
      const different = rowValues.filter((name) => String(row[name]) !== String(row[`b_${name}`]));
      const say = (prefix: string) =>
        different.map((name) => `${name} ${row[`${prefix}${name}`]}`).join(', ');
      findings.failed(
        check,
        `${rowName(row)}: expected ${say('b_')} of the rows of ${finer} ms, found ${say('')}`,
      );
    }
  }
}
