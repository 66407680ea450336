import { identifier, textList } from '../../engine/sql.ts';
import { preparedPaths } from '../prepare/prepared-paths.ts';
import { after, type BucketAudit, count, rowsOf } from './context.ts';
import { monthNumber, monthText } from './sql.ts';
import type { StateFile } from './state.ts';

/**
 * Keys of the bucket's cells before and after the run, from their key columns: nothing is lost, nothing is there
 * twice, and what is new was asked for by a record. Looks at the cells that the run changes and at those that it has
 * records for. Leaves `key_pairs` (k, m, before, after): how often each key and month of the batch is stored.
 */
export async function auditKeys(audit: BucketAudit): Promise<void> {
  const { session, findings } = audit;
  await loadRecordKeys(audit);
  const wanted = new Set(
    (await session.query('SELECT DISTINCT month_no FROM batch_keys')).map((row) =>
      monthText(Number(row['month_no'])),
    ),
  );
  const sums = await cellSums(audit, new Set([...changedMonths(audit), ...wanted]));
  findings.checked(
    'row balance',
    sums.reduce((sum, cell) => sum + cell.after, 0),
  );
  const differing = new Set(sums.filter((cell) => cell.differs).map((cell) => cell.month));
  if (differing.size > 0) await pairCells(audit, differing);
  await loadBatchPairs(audit, wanted);
  await everyRecordStored(audit);
}

interface CellSum {
  readonly month: string;
  readonly after: number;
  /** Whether the cell holds other keys than before, or one of them another number of times. */
  readonly differs: boolean;
}

/** Counts and checksums over the keys of each month, before and after. */
async function cellSums(audit: BucketAudit, months: ReadonlySet<string>): Promise<readonly CellSum[]> {
  const { before, afterwards } = await keyRows(audit, months);
  const sums = (rows: string) =>
    `(SELECT m, count(*) AS n, sum(hash(k)::HUGEINT) AS h FROM ${rows} GROUP BY m)`;
  const cells =
    await audit.session.query(`SELECT coalesce(a.m, b.m) AS m, coalesce(a.n, 0) AS after, a.n IS DISTINCT FROM b.n OR a.h IS DISTINCT FROM b.h AS differs
    FROM ${sums(before)} AS b FULL OUTER JOIN ${sums(afterwards)} AS a ON a.m = b.m`);
  return cells.map((row) => ({
    month: String(row['m']),
    after: count(row, 'after'),
    differs: row['differs'] === true,
  }));
}

/** Key by key, for the cells whose keys are not the same as before. */
async function pairCells(audit: BucketAudit, months: ReadonlySet<string>): Promise<void> {
  const { session, state, findings } = audit;
  const { before, afterwards } = await keyRows(audit, months);
  await session.execute(`CREATE OR REPLACE TEMP TABLE cell_pairs AS
    SELECT coalesce(a.k, b.k) AS k, coalesce(a.m, b.m) AS m, coalesce(b.n, 0) AS before, coalesce(a.n, 0) AS after
    FROM (SELECT k, m, count(*) AS n FROM ${before} GROUP BY ALL) AS b
    FULL OUTER JOIN (SELECT k, m, count(*) AS n FROM ${afterwards} GROUP BY ALL) AS a
    ON a.k = b.k AND a.m = b.m`);
  const [sums] =
    await session.query(`SELECT sum(before) AS before, sum(after) AS after, count(*) FILTER (after > 1) AS twice,
      count(*) FILTER (after = 0) AS lost, count(*) FILTER (before = 0) AS inserted FROM cell_pairs`);
  findings.checked('inserted keys', count(sums, 'inserted'));
  const balance = count(sums, 'before') + count(sums, 'inserted');
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
  const unasked = await session.query(`SELECT k, m FROM cell_pairs AS p WHERE before = 0
    AND NOT EXISTS (SELECT 1 FROM batch_keys AS r WHERE r.k = p.k AND r.month_no = ${monthNumber('p.m')} AND NOT r.is_delete) ORDER BY ALL LIMIT 20`);
  for (const row of unasked) findings.failed('inserted keys', `no record asked for ${named(audit, row)}`);
}

/** Parenthesised SELECTs (k, m) of the stored keys of some months, as they are and as they will be. */
async function keyRows(audit: BucketAudit, months: ReadonlySet<string>) {
  const { shape, state } = audit;
  const names = [shape.key.name, shape.month.name];
  const rows = async (files: readonly StateFile[]) => {
    const inCells = files.filter((file) => months.has(file.month));
    return `(SELECT ${names.map(identifier).join(' AS k, ')} AS m FROM ${await rowsOf(audit, 'summary', inCells, names)})`;
  };
  return {
    before: await rows(state.roles.summary.before),
    afterwards: await rows(after(audit, 'summary')),
  };
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

/** `batch_keys` (k, month_no, is_delete): of the bucket's prepared rows, each once. */
async function loadRecordKeys(audit: BucketAudit): Promise<void> {
  const { session, shape, state } = audit;
  const key = identifier(shape.key.name);
  const paths = await preparedPaths(audit.context.world.results, audit.sources, audit.state.bucket);
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE batch_keys AS ${
      paths.length === 0
        ? `SELECT NULL::${shape.key.sqlType} AS k, NULL::INTEGER AS month_no, NULL::BOOLEAN AS is_delete WHERE false`
        : `SELECT DISTINCT ${key} AS k, month_no, is_delete FROM read_parquet(${textList(paths)}) WHERE bucket = ${state.bucket}`
    }`,
  );
}

async function loadBatchPairs(audit: BucketAudit, months: ReadonlySet<string>): Promise<void> {
  const { before, afterwards } = await keyRows(audit, months);
  const counted = (rows: string) =>
    `(SELECT s.k, s.m, count(*) AS n FROM ${rows} AS s SEMI JOIN batch_keys AS b ON b.k = s.k AND b.month_no = ${monthNumber('s.m')} GROUP BY ALL)`;
  await audit.session.execute(`CREATE OR REPLACE TEMP TABLE key_pairs AS
    SELECT coalesce(a.k, b.k) AS k, coalesce(a.m, b.m) AS m, coalesce(b.n, 0) AS before, coalesce(a.n, 0) AS after
    FROM ${counted(before)} AS b FULL OUTER JOIN ${counted(afterwards)} AS a ON a.k = b.k AND a.m = b.m`);
}

/** Needs `key_pairs`. */
async function everyRecordStored(audit: BucketAudit): Promise<void> {
  const missing =
    await audit.session.query(`SELECT DISTINCT r.k, r.month_no FROM batch_keys AS r WHERE NOT r.is_delete AND NOT EXISTS
    (SELECT 1 FROM key_pairs AS p WHERE p.k = r.k AND p.after > 0 AND r.month_no = ${monthNumber('p.m')}) ORDER BY ALL LIMIT 20`);
  for (const row of missing) {
    audit.findings.failed(
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
    `SELECT k, m, after FROM cell_pairs WHERE ${where} ORDER BY ALL LIMIT 20`,
  );
  for (const row of rows) tell(named(audit, row), Number(row['after']));
}

/** @example "account_id 7, month 2026-01, bucket 3" */
function named(audit: BucketAudit, row: Readonly<Record<string, unknown>>): string {
  return `${audit.shape.key.name} ${String(row['k'])}, month ${String(row['m'])}, bucket ${audit.state.bucket}`;
}
