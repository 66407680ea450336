import { identifier } from '../../engine/sql.ts';
import { after, type BucketAudit, count, rowsOf } from './context.ts';
import { monthNumber, monthText } from './sql.ts';

/**
 * Tombstones: each (key, month) once; a delete of a month that is not stored is among them; none goes but by a record
 * for its month. Needs `key_pairs` and `batch_keys`.
 */
export async function auditTombstones(audit: BucketAudit): Promise<void> {
  const { session, shape, state, findings } = audit;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const columns = [shape.key.name, shape.month.name];
  const select = `SELECT ${key} AS k, ${month} AS m FROM`;
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE tombs_before AS ${select} ${await rowsOf(audit, 'tombstones', state.roles.tombstones.before, columns)}`,
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE tombs_after AS ${select} ${await rowsOf(audit, 'tombstones', after(audit, 'tombstones'), columns)}`,
  );
  const [row] = await session.query('SELECT count(*) AS n FROM tombs_after');
  findings.checked('tombstones', count(row, 'n'));
  await tell(
    audit,
    'SELECT k, m FROM tombs_after GROUP BY k, m HAVING count(*) > 1',
    'is there more than once',
  );
  await tell(
    audit,
    `SELECT b.k, b.m FROM tombs_before AS b ANTI JOIN tombs_after AS a ON a.k = b.k AND a.m = b.m
     ANTI JOIN (SELECT * FROM batch_keys WHERE NOT is_delete) AS r ON r.k = b.k AND r.month_no = ${monthNumber('b.m')}`,
    'is gone although no record for its month came',
  );
  await tell(
    audit,
    `SELECT d.k, d.month_no AS m FROM (SELECT k, month_no FROM batch_keys WHERE is_delete) AS d ANTI JOIN tombs_after AS a ON a.k = d.k AND d.month_no = ${monthNumber('a.m')}
     ANTI JOIN (SELECT * FROM key_pairs WHERE after > 0) AS p ON p.k = d.k AND d.month_no = ${monthNumber('p.m')}`,
    'is missing: its delete came and its month is not stored',
  );
}

async function tell(audit: BucketAudit, sql: string, what: string): Promise<void> {
  for (const row of await audit.session.query(`${sql} ORDER BY 1, 2 LIMIT 20`)) {
    const month = typeof row['m'] === 'number' ? monthText(row['m']) : String(row['m']);
    audit.findings.failed(
      'tombstones',
      `${audit.shape.key.name} ${String(row['k'])}, month ${month}, bucket ${audit.state.bucket}: the tombstone ${what}`,
    );
  }
}
