import { identifier } from '../../engine/sql.ts';
import { newestMonth, storedNames } from '../tables/columns.ts';
import { after, type BucketAudit, count, rowsOf } from './context.ts';
import { aliveColumns, rowAlive } from './sql.ts';

/**
 * `latest` against the summary rows that the run wrote: each key once, each row equal to its summary row in every
 * column, and that row the newest alive one of the key (the newest deleted one when none is alive). Relies on `latest`
 * having been right before the run. Needs `row_facts` of the summary's written files.
 */
export async function auditLatest(audit: BucketAudit): Promise<void> {
  const { session, shape, state } = audit;
  const key = identifier(shape.key.name);
  const narrow = [shape.key.name, shape.month.name, newestMonth, ...aliveColumns(shape)];
  const facts = `${key} AS k, ${identifier(shape.month.name)} AS m, ${identifier(newestMonth)} AS newest, ${rowAlive(shape)} AS alive`;
  const latest = state.roles.latest;
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE latest_before AS SELECT ${facts} FROM ${await rowsOf(audit, 'latest', latest.before, narrow)}`,
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE latest_after AS SELECT ${facts} FROM ${await rowsOf(audit, 'latest', after(audit, 'latest'), narrow)}`,
  );
  await session.execute(`CREATE OR REPLACE TEMP TABLE latest_added AS SELECT ${facts}, ${rowHash(audit)} AS h
    FROM ${await rowsOf(audit, 'latest', latest.added)}`);
  await fileCounts(audit);
  await oncePerKey(audit);
  await equalToSummary(audit);
  await newestAlive(audit);
}

function rowHash(audit: BucketAudit): string {
  return `hash(${storedNames(audit.shape).map(identifier).join(', ')})`;
}

async function fileCounts(audit: BucketAudit): Promise<void> {
  const { added } = audit.state.roles.latest;
  const [row] = await audit.session.query('SELECT count(*) AS n FROM latest_added');
  const recorded = added.reduce((sum, file) => sum + file.rows, 0);
  audit.findings.checked('file counts', added.length);
  if (count(row, 'n') === recorded) return;
  const names = added.map((file) => file.location).join(', ');
  audit.findings.failed(
    'file counts',
    `${names} are to be published with ${recorded} rows and hold ${count(row, 'n')}`,
  );
}

/** No key twice, none gone, and one row for every key that has a summary row written by the run. */
async function oncePerKey(audit: BucketAudit): Promise<void> {
  const { session } = audit;
  const [row] = await session.query('SELECT count(*) AS n FROM latest_after');
  audit.findings.checked('latest rows', count(row, 'n'));
  await tell(
    audit,
    'latest rows',
    'SELECT k, max(m) AS m, count(*) AS n FROM latest_after GROUP BY k HAVING count(*) > 1',
    'is there more than once',
  );
  await tell(
    audit,
    'latest rows',
    'SELECT k, m FROM latest_before ANTI JOIN latest_after USING (k)',
    'is gone',
  );
  await tell(
    audit,
    'latest rows',
    'SELECT k, max(m) AS m FROM row_facts ANTI JOIN latest_after USING (k) WHERE changed GROUP BY k',
    'is missing',
  );
  await tell(
    audit,
    'latest rows',
    'SELECT a.k, a.m FROM latest_after AS a ANTI JOIN latest_before AS b ON a.k = b.k ANTI JOIN row_facts AS f ON f.k = a.k AND f.changed',
    'is new although the run wrote no summary row of the key',
  );
}

/** A written row of latest is its summary row; a row that stayed does not stand for a summary row that was written anew. */
async function equalToSummary(audit: BucketAudit): Promise<void> {
  const { session, shape, state } = audit;
  const written = 'row_facts AS f ON f.k = l.k AND f.m = l.m AND f.changed';
  await tell(
    audit,
    'latest rows',
    `SELECT l.k, l.m FROM latest_added AS l JOIN ${written} WHERE l.h <> f.h`,
    'differs from its summary row',
  );
  await tell(
    audit,
    'latest rows',
    `SELECT l.k, l.m FROM latest_after AS l JOIN ${written} ANTI JOIN latest_added AS a ON a.k = l.k AND a.m = l.m`,
    'was not written anew with its summary row',
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE rest AS SELECT l.* FROM latest_added AS l ANTI JOIN ${written}`,
  );
  if ((await rowCount(audit, 'rest')) === 0) return;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const matching = (
    source: string,
  ) => `DELETE FROM rest USING (SELECT r.${key} AS k, r.${month} AS m, ${rowHash(audit)} AS h
    FROM ${source} AS r SEMI JOIN rest AS s ON r.${key} = s.k AND r.${month} = s.m) AS o
    WHERE rest.k = o.k AND rest.m = o.m AND rest.h = o.h`;
  await session.execute(
    matching(await rowsOf(audit, 'latest', state.roles.latest.before, storedNames(shape))),
  );
  if ((await rowCount(audit, 'rest')) === 0) return;
  const months = new Set((await session.query('SELECT DISTINCT m FROM rest')).map((row) => String(row['m'])));
  const files = after(audit, 'summary').filter((file) => months.has(file.month));
  await session.execute(matching(await rowsOf(audit, 'summary', files, storedNames(shape))));
  await tell(audit, 'latest rows', 'SELECT k, m FROM rest', 'differs from its summary row');
}

/**
 * Of every key that has a written row: the expected month follows from the old latest row and the written rows. Only
 * where the old latest row died and nothing newer lives, earlier rows have to be looked at.
 */
async function newestAlive(audit: BucketAudit): Promise<void> {
  const { session, shape, findings } = audit;
  await session.execute(`CREATE OR REPLACE TEMP TABLE expected AS
    WITH w AS (SELECT k, max(m) AS newest, max(m) FILTER (alive) AS newest_alive FROM row_facts WHERE changed GROUP BY k),
    old AS (SELECT b.*, f.k IS NULL AS untouched, coalesce(f.alive, false) AS still FROM latest_before AS b
      LEFT JOIN (SELECT k, m, alive FROM row_facts WHERE changed) AS f ON f.k = b.k AND f.m = b.m)
    SELECT w.k, old.m AS old_month, greatest(w.newest, old.newest, old.m) AS newest,
      greatest(w.newest_alive, CASE WHEN old.untouched AND old.alive THEN old.m END) AS newest_alive,
      coalesce(old.alive AND NOT old.untouched AND NOT old.still AND (w.newest_alive IS NULL OR w.newest_alive < old.m), false) AS probe
    FROM w LEFT JOIN old ON old.k = w.k`);
  const [oldest] = await session.query('SELECT max(old_month) AS m FROM expected WHERE probe');
  if (oldest !== undefined && oldest['m'] !== null) {
    const files = after(audit, 'summary').filter((file) => file.month < String(oldest['m']));
    const columns = [shape.key.name, shape.month.name, ...aliveColumns(shape)];
    const key = identifier(shape.key.name);
    const month = identifier(shape.month.name);
    await session.execute(`UPDATE expected SET newest_alive = greatest(expected.newest_alive, p.m) FROM (
      SELECT r.${key} AS k, max(r.${month}) AS m FROM ${await rowsOf(audit, 'summary', files, columns)} AS r
      JOIN expected AS e ON e.k = r.${key} AND e.probe AND r.${month} < e.old_month WHERE ${rowAlive(shape, 'r')} GROUP BY r.${key}) AS p
      WHERE expected.k = p.k`);
  }
  findings.checked('latest is newest', await rowCount(audit, 'expected'));
  const rows =
    await session.query(`SELECT a.k, a.m, coalesce(e.newest_alive, e.newest) AS wanted, a.newest, e.newest AS wanted_newest
    FROM expected AS e JOIN latest_after AS a ON a.k = e.k
    WHERE a.m IS DISTINCT FROM coalesce(e.newest_alive, e.newest) OR a.newest IS DISTINCT FROM e.newest ORDER BY ALL LIMIT 20`);
  for (const row of rows) {
    const newest =
      row['newest'] === row['wanted_newest']
        ? ''
        : `, newest stored month ${String(row['newest'])} instead of ${String(row['wanted_newest'])}`;
    findings.failed(
      'latest is newest',
      `${shape.key.name} ${String(row['k'])}: latest holds month ${String(row['m'])}, expected ${String(row['wanted'])}${newest}`,
    );
  }
}

async function rowCount(audit: BucketAudit, table: 'rest' | 'expected'): Promise<number> {
  const [row] = await audit.session.query(`SELECT count(*) AS n FROM ${table}`);
  return count(row, 'n');
}

async function tell(audit: BucketAudit, name: 'latest rows', sql: string, what: string): Promise<void> {
  const rows = await audit.session.query(`${sql} ORDER BY k LIMIT 20`);
  for (const row of rows) {
    audit.findings.failed(
      name,
      `${audit.shape.key.name} ${String(row['k'])}, month ${String(row['m'])}, bucket ${audit.state.bucket}: the row of latest ${what}`,
    );
  }
}
