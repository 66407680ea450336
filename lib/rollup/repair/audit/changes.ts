import { rowsChecksum } from '../../../upkeep/rows-checksum.ts';
import { whole } from '../../audit/context.ts';
import { rowName } from '../../audit/rows.ts';
import { labelNames } from '../../columns.ts';
import { type RepairAudit, rowValues } from './context.ts';

/**
 * Makes `news` and `olds` (resolution, id, w, n, …, l0, …): rows of the repair's series that are in the new files and
 * not in those that they take the place of, and the other way round. None is lost or there twice, and the rows of all
 * other series are the same.
 */
export async function auditChanges(audit: RepairAudit): Promise<void> {
  const { session, findings, shape, removed, added } = audit;
  const columns = ['resolution', 'window_bucket', 'id', 'w', ...rowValues, ...labelNames(shape)];
  const names = columns.join(', ');
  const own = (view: string) => `SELECT ${names} FROM ${view} WHERE id IN (SELECT id FROM ids)`;
  await session.execute(`CREATE TEMP TABLE news AS ${own('published')} EXCEPT ALL ${own('gone')}`);
  await session.execute(`CREATE TEMP TABLE olds AS ${own('gone')} EXCEPT ALL ${own('published')}`);
  const check = 'carried rows';
  const sum = (files: readonly { readonly rows: number }[]) => files.reduce((n, { rows }) => n + rows, 0);
  findings.checked(check, sum(added));
  const key = 'resolution, id, w';
  const tell = async (select: string, what: string) => {
    for (const row of await session.query(`${select} ORDER BY ALL LIMIT 6`))
      findings.failed(check, `${rowName(row)}: ${what}`);
  };
  await tell(`SELECT ${key} FROM olds ANTI JOIN news USING (${key})`, 'the row is lost');
  await tell(`SELECT ${key} FROM news GROUP BY ${key} HAVING count(*) > 1`, 'the row is there twice');
  const others = async (view: string) => {
    const [row] = await session.query(
      `SELECT count(*) AS n, ${rowsChecksum(columns)} AS checksum FROM ${view} WHERE id NOT IN (SELECT id FROM ids)`,
    );
    return `${row?.['n']} rows with checksum ${row?.['checksum']}`;
  };
  findings.same(check, 'rows of other series', await others('gone'), await others('published'));
  const [counts] = await session.query(
    `SELECT (SELECT count(*) FROM news) AS news, (SELECT count(*) FROM olds) AS olds`,
  );
  const fresh = whole(counts, 'news') - whole(counts, 'olds');
  findings.same(check, 'rows', BigInt(sum(removed)) + fresh, BigInt(sum(added)));
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
    const finer = rules.resolutionsMs.findLast((one) => one < resolution && resolution % one === 0);
    if (finer === undefined) continue;
    const edge = `(w + ((-(w % ${resolution})) + ${resolution}) % ${resolution})`;
    const whole = `EXISTS (SELECT 1 FROM near WHERE near.id = rows.id AND rows.w - ${resolution} >= near.after AND rows.w <= near.upto)`;
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

/**
 * Each touched base window has exactly the points that are kept and the repair's, one per series and time; and each of them
 * had exactly those that are kept.
 */
export async function auditWindows({ session, findings, rules, facts }: RepairAudit): Promise<void> {
  const check = 'points of the windows';
  const [q, o] = rules.duplicates === 'first' ? ['q', 'o'] : ['-q', '-o'];
  const late = rules.duplicates === 'first' ? 1 : 0;
  const edge = `(ts + ((-(ts % ${rules.baseMs})) + ${rules.baseMs}) % ${rules.baseMs})`;
  const both = `SELECT id, ts, v, ${1 - late} AS turn, ${q} AS place FROM kept UNION ALL SELECT id, ts, v, ${late}, ${o} FROM points WHERE ${edge} <= ${facts.closedThroughMs}`;
  const rows = (points: string) =>
    `SELECT id, ${edge} AS w, count(*) AS n, sum(v) AS s, min(v) AS mn, max(v) AS mx, min(ts) AS ft, arg_min(v, ts) AS fv, max(ts) AS lt, arg_max(v, ts) AS lv FROM (${points}) GROUP BY ALL`;
  const dedupe = (points: string) =>
    `SELECT id, ts, v FROM (${points}) QUALIFY row_number() OVER (PARTITION BY id, ts ORDER BY turn, place) = 1`;
  const names = ['n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv'];
  for (const [when, points] of [
    ['now', both],
    ['was', `SELECT id, ts, v, 0 AS turn, ${q} AS place FROM kept`],
  ] as const) {
    const differs = names.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ');
    const bad = await session.query(
      `SELECT coalesce(a.id, b.id) AS id, ${rules.baseMs} AS resolution, coalesce(a.w, b.w) AS w, ${names.map((name) => `a.${name}, b.${name} AS b_${name}`).join(', ')}
        FROM (SELECT * FROM rows_${when} SEMI JOIN touched USING (id, w) WHERE resolution = ${rules.baseMs}) AS a FULL JOIN (${rows(dedupe(points))}) AS b ON a.id = b.id AND a.w = b.w
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
