import { rowsChecksum } from '../../../upkeep/rows-checksum.ts';
import { whole } from '../../audit/context.ts';
import { rowName } from '../../audit/rows.ts';
import { labelNames } from '../../columns.ts';
import { estimateNames } from '../../sql/sketches.ts';
import { type RepairAudit, rowValues, sketchLists } from './context.ts';

/**
 * Makes `news` and `olds` (resolution, id, w, n, …, l0, …): rows of the repair's series that are in the new files and
 * not in those that they take the place of, and the other way round. None is lost or there twice, and the rows of all
 * other series are the same.
 */
export async function auditChanges(audit: RepairAudit): Promise<void> {
  const { session, findings, shape, removed, added } = audit;
  const sketched = shape.sketch === undefined ? [] : [...sketchLists(audit), ...estimateNames(shape.sketch)];
  const columns = ['resolution', 'window_bucket', 'id', 'w', ...rowValues, ...sketched, ...labelNames(shape)];
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
