import { identifier, textList } from '../engine/sql.ts';
import { after, type BucketAudit, count, rowsOf } from './audit-context.ts';
import { monthText } from './audit-sql.ts';

/**
 * Keys of the bucket's cells before and after the run, from their key columns: nothing is lost, nothing is there
 * twice, and what is new was asked for by a record. Looks at the cells that the run changes and at those that it has
 * records for.
 */
export async function auditKeys(audit: BucketAudit): Promise<void> {
  const { session, shape, state, findings } = audit;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  await loadRecordKeys(audit);
  const wanted = (await session.query('SELECT DISTINCT month_no FROM record_months')).map((row) =>
    monthText(Number(row['month_no'])),
  );
  const touched = new Set([...changedMonths(audit), ...wanted]);
  const inCells = <T extends { readonly month: string }>(files: readonly T[]) =>
    files.filter((file) => touched.has(file.month));
  const columns = [shape.key.name, shape.month.name];
  const before = await rowsOf(audit, 'summary', inCells(state.roles.summary.before), columns);
  const afterwards = await rowsOf(audit, 'summary', inCells(after(audit, 'summary')), columns);
  await session.execute(`CREATE OR REPLACE TEMP TABLE key_pairs AS
    SELECT coalesce(a.k, b.k) AS k, coalesce(a.m, b.m) AS m, coalesce(b.n, 0) AS before, coalesce(a.n, 0) AS after
    FROM (SELECT ${key} AS k, ${month} AS m, count(*) AS n FROM ${before} GROUP BY ALL) AS b
    FULL OUTER JOIN (SELECT ${key} AS k, ${month} AS m, count(*) AS n FROM ${afterwards} GROUP BY ALL) AS a
    ON a.k = b.k AND a.m = b.m`);
  const [sums] =
    await session.query(`SELECT sum(before) AS before, sum(after) AS after, count(*) FILTER (after > 1) AS twice,
      count(*) FILTER (after = 0) AS lost, count(*) FILTER (before = 0) AS inserted FROM key_pairs`);
  findings.checked('row balance', count(sums, 'after'));
  findings.checked('inserted keys', count(sums, 'inserted'));
  const [balance] = [count(sums, 'before') + count(sums, 'inserted')];
  if (balance !== count(sums, 'after')) {
    findings.failed(
      'row balance',
      `bucket ${state.bucket}: ${count(sums, 'before')} rows before and ${count(sums, 'inserted')} new ones make ${balance}, found ${count(sums, 'after')}`,
    );
  }
  if (count(sums, 'lost') > 0)
    await each(audit, 'after = 0', (row) => findings.failed('row balance', `${row} is gone`));
  if (count(sums, 'twice') > 0) {
    await each(audit, 'after > 1', (row, n) =>
      findings.failed('inserted keys', `${row} would be stored ${n} times`),
    );
  }
  await againstRecords(audit);
}

/** Months of cells in which the run adds or removes a file. */
export function changedMonths(audit: BucketAudit): ReadonlySet<string> {
  const { before, added, addedDeletes, removed, removedDeletes } = audit.state.roles.summary;
  const months = new Set([...added, ...addedDeletes].map((file) => file.month));
  for (const file of before) {
    if (removed.has(file.location) || file.deletes.some((one) => removedDeletes.has(one)))
      months.add(file.month);
  }
  return months;
}

/** `record_keys`: (k, month_no) of the bucket's normal records, each once; `record_months`: of all its prepared rows. */
async function loadRecordKeys(audit: BucketAudit): Promise<void> {
  const { session, shape, state } = audit;
  const key = identifier(shape.key.name);
  const paths = await Promise.all(
    audit.sources.map((location) => audit.context.world.results.localPath(location)),
  );
  const from =
    paths.length === 0
      ? `(SELECT NULL::${shape.key.sqlType} AS k, NULL::INTEGER AS month_no, NULL::BOOLEAN AS is_delete WHERE false)`
      : `(SELECT DISTINCT ${key} AS k, month_no, is_delete FROM read_parquet(${textList(paths)}) WHERE bucket = ${state.bucket})`;
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE record_keys AS SELECT k, month_no FROM ${from} WHERE NOT is_delete`,
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE record_months AS SELECT DISTINCT month_no FROM ${from}`,
  );
}

/** New rows were asked for by a record, and every record's month is stored. */
async function againstRecords(audit: BucketAudit): Promise<void> {
  const { session, findings } = audit;
  const number = '(left(m, 4)::INTEGER * 12 + right(m, 2)::INTEGER)';
  const unasked = await session.query(`SELECT k, m FROM key_pairs AS p WHERE before = 0
    AND NOT EXISTS (SELECT 1 FROM record_keys AS r WHERE r.k = p.k AND r.month_no = ${number}) ORDER BY ALL LIMIT 20`);
  for (const row of unasked) findings.failed('inserted keys', `no record asked for ${named(audit, row)}`);
  const missing = await session.query(`SELECT r.k, r.month_no FROM record_keys AS r WHERE NOT EXISTS
    (SELECT 1 FROM key_pairs AS p WHERE p.k = r.k AND p.after > 0 AND r.month_no = ${number}) ORDER BY ALL LIMIT 20`);
  for (const row of missing) {
    findings.failed(
      'inserted keys',
      `the record of ${named(audit, { k: row['k'], m: monthText(Number(row['month_no'])) })} has no row`,
    );
  }
}

async function each(
  audit: BucketAudit,
  where: string,
  tell: (row: string, n: number) => void,
): Promise<void> {
  const rows = await audit.session.query(
    `SELECT k, m, after FROM key_pairs WHERE ${where} ORDER BY ALL LIMIT 20`,
  );
  for (const row of rows) tell(named(audit, row), Number(row['after']));
}

/** @example "account_id 7, month 2026-01, bucket 3" */
function named(audit: BucketAudit, row: Readonly<Record<string, unknown>>): string {
  return `${audit.shape.key.name} ${String(row['k'])}, month ${String(row['m'])}, bucket ${audit.state.bucket}`;
}
