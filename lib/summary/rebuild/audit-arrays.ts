import { executeAsWritten } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import { recordValue } from '../audit/feed.ts';
import { aliveColumns, monthNumber, monthText, rowAlive } from '../audit/sql.ts';
import type { StateFile } from '../audit/state.ts';
import { arrays, type BucketTables, keysOnce, narrowRows, rows } from '../verify/bucket.ts';
import type { RowScope } from './compute.ts';

interface ArraysOptions {
  readonly after: BucketTables;
  /** Files of the bucket's summary before the run. */
  readonly before: readonly StateFile[];
  readonly scope: RowScope;
}

/**
 * The arrays of the scope's rows, one key's after the other: the earliest row holds what the stored months before it are
 * worth, each later one agrees with its neighbour before it, and what a row knows of months without a row it knew before.
 */
export async function auditArrays({ after, before, scope }: ArraysOptions): Promise<void> {
  const { shape } = after;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const inKeys =
    scope.keys === undefined
      ? 'true'
      : `${key} IN (${scope.keys.map((one) => `${text(one)}::${shape.key.sqlType}`).join(', ')})`;
  const first = text(monthText(Math.max(1, scope.first)));
  const last = text(monthText(Math.min(119_999, scope.last)));
  const scoped = { ...after, where: `${inKeys} AND ${month} BETWEEN ${first} AND ${last}` };
  await narrowRows(scoped);
  await keysOnce(scoped);
  await arrays(scoped);
  await earlierMonths(after, `${inKeys} AND ${month} < ${first}`, scope);
  await earliestRows(scoped);
  await gapsKept(scoped, before);
}

/** `earlier` (k, m, no, alive, v<i>): stored rows before the scope that its rows still reach. */
async function earlierMonths(tables: BucketTables, where: string, scope: RowScope): Promise<void> {
  const { session, shape } = tables;
  const reach = monthText(Math.max(1, scope.first - shape.historyLength + 1));
  const values = shape.histories.map(({ from }, index) => `${recordValue(shape, from)} AS v${index}`);
  const columns = new Set([
    shape.key.name,
    shape.month.name,
    ...aliveColumns(shape),
    ...shape.histories.map(({ from }) => from),
    ...(shape.feed?.source ?? []).map(({ name }) => name),
  ]);
  const month = identifier(shape.month.name);
  const source = await rows({ ...tables, where }, 'summary', [...columns], (file) => file.month >= reach);
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE earlier AS SELECT ${[`${identifier(shape.key.name)} AS k`, `${month} AS m`, `${monthNumber(month)} AS no`, `${rowAlive(shape)} AS alive`, ...values].join(', ')} FROM ${source}`,
  );
}

/** Rows of the scope without an earlier one in it, against every stored month before. Needs `narrow` and `earlier`. */
async function earliestRows(tables: BucketTables): Promise<void> {
  const { session, shape, findings } = tables;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const number = monthNumber(`r.${month}`);
  const lists = shape.histories.map(({ name }, index) => `r.${identifier(name)} AS a${index}`);
  const names = shape.histories.map(({ name }) => name);
  await session.execute(`CREATE OR REPLACE TEMP TABLE earliest AS SELECT ${[`r.${key} AS k`, `r.${month} AS m`, `${number} AS no`, ...lists].join(', ')}
    FROM ${await rows(tables, 'summary', [shape.key.name, shape.month.name, ...names])} AS r
    SEMI JOIN (SELECT n.k, n.m FROM narrow AS n SEMI JOIN earlier AS s ON s.k = n.k WHERE n.d IS NULL) AS n ON n.k = r.${key} AND n.m = r.${month}`);
  const differs = shape.histories.map(
    (_, index) => `e.a${index}[e.no - s.no + 1] IS DISTINCT FROM CASE WHEN s.alive THEN s.v${index} END`,
  );
  const pairs = `earliest AS e JOIN earlier AS s ON s.k = e.k AND e.no - s.no < ${shape.historyLength}`;
  const [row] = await session.query(`SELECT count(*) AS n FROM ${pairs}`);
  findings.checked('array chain', Number(row?.['n'] ?? 0));
  const wrong = await session.query(
    `SELECT e.k, e.m, s.m AS earlier FROM ${pairs} WHERE ${differs.join(' OR ')} ORDER BY ALL LIMIT 20`,
  );
  for (const one of wrong) {
    findings.failed(
      'array chain',
      `${shape.key.name} ${String(one['k'])}, month ${String(one['m'])}, bucket ${tables.bucket}: an array does not hold the value of ${String(one['earlier'])}`,
    );
  }
}

/** Positions up to the row before are of months that are not stored: only the row itself knew them. Needs `narrow` and `earlier`. */
async function gapsKept(tables: BucketTables, before: readonly StateFile[]): Promise<void> {
  const { session, shape, findings } = tables;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const columns = [shape.key.name, shape.month.name, ...shape.histories.map(({ name }) => name)];
  const old = await rows({ ...tables, files: () => before }, 'summary', columns);
  const fresh = await rows(tables, 'summary', columns);
  const length = shape.historyLength;
  const gap = `least(coalesce(n.d, ${monthNumber('n.m')} - max(s.no), ${length}), ${length})`;
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE gaps AS SELECT n.k, n.m, ${gap} AS g FROM narrow AS n LEFT JOIN earlier AS s ON s.k = n.k GROUP BY n.k, n.m, n.d`,
  );
  // Hashes of either side: the rows themselves, arrays and all, are held by neither.
  const hashes = async (table: string, source: string, list: (name: string, element: string) => string) => {
    const lists = shape.histories.map(({ name, elementSqlType }) =>
      list(`a.${identifier(name)}`, elementSqlType),
    );
    const statement = `CREATE OR REPLACE TEMP TABLE ${table} AS SELECT g.k, g.m, hash(${lists.join(', ')}) AS h FROM ${source} AS a JOIN gaps AS g ON g.k = a.${key} AND g.m = a.${month}`;
    await executeAsWritten(session, statement, ['join_order', 'build_side_probe_side']);
  };
  const padded = (list: string, element: string) =>
    `list_resize(coalesce(${list}, []::${element}[])[2 : g.g], g.g - 1)`;
  await hashes('gaps_before', old, padded);
  await hashes('gaps_after', fresh, (list) => `${list}[2 : g.g]`);
  const wrong = await session.query(
    'SELECT a.k, a.m FROM gaps_after AS a JOIN gaps_before AS b ON b.k = a.k AND b.m = a.m WHERE a.h <> b.h ORDER BY ALL LIMIT 20',
  );
  for (const one of wrong) {
    findings.failed(
      'array chain',
      `${shape.key.name} ${String(one['k'])}, month ${String(one['m'])}, bucket ${tables.bucket}: another value than before for a month that has no row`,
    );
  }
}
