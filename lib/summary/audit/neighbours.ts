import { identifier, text } from '../../engine/sql.ts';
import { changedRun } from '../tables/columns.ts';
import { headHash, tailHash } from './chain.ts';
import { after, type BucketAudit, count, rowsOf } from './context.ts';
import { aliveColumns, monthNumber, monthOf } from './sql.ts';

/** Above so many bytes the files of unchanged neighbours are not read: the sample covers them. */
const neighbourBytes = 128e6;

/**
 * `near` (k, m, d, e): stored rows, as they will stand, of keys that the run changed, around the changed months, with
 * the distance to the earlier and the later neighbour. From key columns.
 */
export async function loadNeighbours(audit: BucketAudit): Promise<void> {
  const { session, shape, state, context } = audit;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const narrow = await rowsOf(audit, 'summary', state.roles.summary.added, [
    shape.key.name,
    shape.month.name,
    changedRun,
  ]);
  await session.execute(`CREATE OR REPLACE TEMP TABLE changed_rows AS
    SELECT ${key} AS k, ${month} AS m FROM ${narrow} WHERE ${identifier(changedRun)} = ${text(context.runId)}`);
  const [range] = await session.query('SELECT min(m) AS first, max(m) AS last FROM changed_rows');
  const files = after(audit, 'summary').filter((file) => isNear(file.month, range, shape.historyLength));
  const stored = await rowsOf(audit, 'summary', files, [shape.key.name, shape.month.name]);
  const number = monthNumber('m');
  await session.execute(`CREATE OR REPLACE TEMP TABLE near AS
    SELECT k, m, ${number} - lag(${number}) OVER w AS d, lead(${number}) OVER w - ${number} AS e
    FROM (SELECT r.${key} AS k, r.${month} AS m FROM ${stored} AS r SEMI JOIN changed_rows AS c ON c.k = r.${key})
    WINDOW w AS (PARTITION BY k ORDER BY m)`);
}

function isNear(
  month: string,
  range: Readonly<Record<string, unknown>> | undefined,
  length: number,
): boolean {
  if (range === undefined || range['first'] === null) return false;
  const number = monthOf(month);
  return (
    number > monthOf(String(range['first'])) - length && number < monthOf(String(range['last'])) + length
  );
}

/** SQL of the two hashes of a row; distances to the earlier and the later neighbour as SQL. */
export function neighbourHashes(
  audit: BucketAudit,
  earlier: string,
  later: string,
): { readonly tail: string; readonly head: string } {
  return { tail: tailHash(audit.shape, earlier), head: headHash(audit.shape, later) };
}

/**
 * Every changed row against its neighbours: see audit-chain.ts. Needs `row_facts` with `tail` and `head`; neighbours
 * that the run did not change are read from their files unless those are too big.
 */
export async function auditNeighbours(audit: BucketAudit): Promise<void> {
  const { session, shape, findings } = audit;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const number = monthNumber('m');
  // Equalities only: the engine joins by anything else row against row.
  await session.execute(`CREATE OR REPLACE TEMP TABLE beside AS
    WITH changed AS (SELECT DISTINCT k, ${number} AS month_no FROM changed_rows),
      others AS (SELECT n.*, ${monthNumber('n.m')} - n.d AS earlier, ${monthNumber('n.m')} + n.e AS later
        FROM near AS n ANTI JOIN changed_rows AS c ON c.k = n.k AND c.m = n.m
        WHERE n.d < ${shape.historyLength} OR n.e < ${shape.historyLength})
    SELECT o.k, o.m, o.d, o.e FROM others AS o
    LEFT JOIN changed AS p ON p.k = o.k AND p.month_no = o.earlier
    LEFT JOIN changed AS q ON q.k = o.k AND q.month_no = o.later
    WHERE p.k IS NOT NULL OR q.k IS NOT NULL`);
  const wanted = await session.query('SELECT m, count(*) AS n FROM beside GROUP BY m ORDER BY m');
  const months = new Set(wanted.map((row) => String(row['m'])));
  const files = after(audit, 'summary').filter((file) => months.has(file.month));
  const readable = files.reduce((sum, file) => sum + file.sizeBytes, 0) <= neighbourBytes ? files : [];
  const { tail, head } = neighbourHashes(audit, 'n.pw_d', 'n.pw_e');
  const columns = [
    ...new Set([
      shape.key.name,
      shape.month.name,
      ...aliveColumns(shape),
      ...shape.histories.map(({ name }) => name),
    ]),
  ];
  await session.execute(`CREATE OR REPLACE TEMP TABLE chain AS
    SELECT f.k, f.m, ${monthNumber('f.m')} AS month_no, n.d, n.e, f.tail, f.head, true AS changed FROM row_facts AS f JOIN near AS n ON n.k = f.k AND n.m = f.m WHERE f.changed
    UNION ALL SELECT n.pw_k, n.pw_m, ${monthNumber('n.pw_m')}, n.pw_d, n.pw_e, ${tail}, ${head}, false
    FROM ${await rowsOf(audit, 'summary', readable, columns)} AS r
    JOIN (SELECT k AS pw_k, m AS pw_m, d AS pw_d, e AS pw_e FROM beside) AS n ON n.pw_k = r.${key} AND n.pw_m = r.${month}`);
  const pairs = `FROM chain AS t JOIN chain AS s ON s.k = t.k AND s.month_no = t.month_no - t.d AND s.e = t.d
    WHERE t.d > 0 AND t.d < ${shape.historyLength} AND (t.changed OR s.changed)`;
  const [row] = await session.query(
    `SELECT count(*) AS n, count(*) FILTER (t.tail <> s.head) AS broken ${pairs}`,
  );
  findings.checked('array chain', count(row, 'n'));
  if (count(row, 'broken') === 0) return;
  const broken = await session.query(
    `SELECT t.k, t.m, s.m AS earlier ${pairs} AND t.tail <> s.head ORDER BY ALL LIMIT 10`,
  );
  for (const pair of broken) {
    findings.failed(
      'array chain',
      `${shape.key.name} ${String(pair['k'])}, bucket ${audit.state.bucket}: the arrays of month ${String(pair['m'])} disagree with month ${String(pair['earlier'])}`,
    );
  }
}
