import type { EngineSession } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import type { Schema } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { liveRows } from '../../upkeep/live-rows.ts';
import { chainDifference, headHash, tailHash } from '../audit/chain.ts';
import { recordValue, shownWrongly } from '../audit/feed.ts';
import type { CheckName, Findings } from '../audit/findings.ts';
import { aliveColumns, monthNumber, rowAlive } from '../audit/sql.ts';
import type { StateFile } from '../audit/state.ts';
import { newestMonth, type SummaryShape, storedNames } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import { sameValue } from './recompute.ts';
import { brokenPairs, noteWrongArrays, type WrongArrays } from './wrong-arrays.ts';

export interface BucketTables {
  readonly world: World;
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly findings: Findings;
  readonly schemas: ReadonlyMap<Role, Schema>;
  /** Columns of the summary that some stored rows may be older than. */
  readonly later: ReadonlySet<string>;
  readonly bucket: number;
  /** N of the summary's bucket transform; undefined when the table is not partitioned so. */
  readonly buckets: number | undefined;
  readonly files: (role: Role) => readonly StateFile[];
  /** SQL condition on rows of the summary; the others are taken for rows that are not there. Default: all. */
  readonly where?: string;
  /** Told of the keys and months whose arrays are wrong, once a bucket that has any. */
  readonly onWrongArrays?: (wrong: WrongArrays) => void;
}

/** Keys, `latest` and, with `full`, all arrays of one bucket. */
export async function verifyBucket(tables: BucketTables, full: boolean): Promise<void> {
  await narrowRows(tables);
  await keysOnce(tables);
  await latestNewest(tables);
  if (!full) return;
  if ((await arrays(tables)) > 0) await noteWrongArrays(tables);
  await latestEqual(tables);
}

export async function rows(
  tables: BucketTables,
  role: Role,
  columns?: readonly string[],
  where?: (file: StateFile) => boolean,
): Promise<string> {
  const schema = tables.schemas.get(role) ?? tables.schemas.get('summary') ?? { schemaId: 0, fields: [] };
  const files = tables.files(role).filter(where ?? (() => true));
  const all = await liveRows({
    store: tables.world.warehouse,
    schema,
    files,
    ...(columns === undefined ? {} : { columns }),
  });
  return role === 'summary' && tables.where !== undefined ? `(FROM ${all} WHERE ${tables.where})` : all;
}

/** `narrow` (k, m, alive, d, e): every stored row with the distance to its earlier and its later neighbour in months. */
export async function narrowRows(tables: BucketTables): Promise<void> {
  const { session, shape } = tables;
  const columns = [shape.key.name, shape.month.name, ...aliveColumns(shape)];
  const number = monthNumber('m');
  await session.execute(`CREATE OR REPLACE TEMP TABLE narrow AS
    SELECT k, m, alive, ${number} - lag(${number}) OVER w AS d, lead(${number}) OVER w - ${number} AS e
    FROM (SELECT ${identifier(shape.key.name)} AS k, ${identifier(shape.month.name)} AS m, ${rowAlive(shape)} AS alive
      FROM ${await rows(tables, 'summary', columns)})
    WINDOW w AS (PARTITION BY k ORDER BY m)`);
}

export async function keysOnce(tables: BucketTables): Promise<void> {
  const { session, findings } = tables;
  const [row] = await session.query('SELECT count(*) AS n FROM narrow');
  findings.checked('inserted keys', Number(row?.['n'] ?? 0));
  await tell(tables, 'inserted keys', 'SELECT k, m FROM narrow WHERE d = 0', 'is stored twice');
  await wrongBucket(tables);
}

/** A row in another bucket than its key's is a row that no run will find. */
async function wrongBucket(tables: BucketTables): Promise<void> {
  const { shape, buckets } = tables;
  if (buckets === undefined) return;
  const bucket =
    shape.key.icebergType === 'string'
      ? `pw_bucket_text(k, ${buckets})`
      : shape.key.icebergType === 'long' || shape.key.icebergType === 'int'
        ? `pw_bucket_long(k::BIGINT, ${buckets})`
        : undefined;
  if (bucket === undefined) return;
  await tell(
    tables,
    'inserted keys',
    `SELECT k, NULL AS m FROM (SELECT DISTINCT k FROM narrow) WHERE ${bucket} <> ${tables.bucket}`,
    `does not belong to bucket ${tables.bucket} of ${buckets}`,
  );
}

export async function latestNewest(tables: BucketTables): Promise<void> {
  const { session, shape, findings } = tables;
  if (!tables.schemas.has('latest')) return;
  const columns = [shape.key.name, shape.month.name, newestMonth];
  await session.execute(`CREATE OR REPLACE TEMP TABLE latest AS
    SELECT ${identifier(shape.key.name)} AS k, ${identifier(shape.month.name)} AS m, ${identifier(newestMonth)} AS newest
    FROM ${await rows(tables, 'latest', columns)}`);
  const [row] = await session.query('SELECT count(*) AS n FROM latest');
  findings.checked('latest is newest', Number(row?.['n'] ?? 0));
  await tell(
    tables,
    'latest rows',
    'SELECT k, max(m) AS m FROM latest GROUP BY k HAVING count(*) > 1',
    'is in latest more than once',
  );
  await session.execute(`CREATE OR REPLACE TEMP TABLE wanted AS
    SELECT k, coalesce(max(m) FILTER (alive), max(m)) AS m, max(m) AS newest FROM narrow GROUP BY k`);
  await tell(
    tables,
    'latest rows',
    'SELECT k, m FROM wanted ANTI JOIN latest USING (k)',
    'is missing in latest',
  );
  await tell(
    tables,
    'latest rows',
    'SELECT k, m FROM latest ANTI JOIN wanted USING (k)',
    'is in latest without any summary row',
  );
  const wrong =
    await session.query(`SELECT l.k, l.m, w.m AS wanted FROM latest AS l JOIN wanted AS w USING (k)
    WHERE l.m IS DISTINCT FROM w.m OR (l.newest IS NOT NULL AND l.newest IS DISTINCT FROM w.newest) ORDER BY ALL LIMIT 20`);
  for (const one of wrong) {
    findings.failed(
      'latest is newest',
      `${shape.key.name} ${String(one['k'])}: latest holds month ${String(one['m'])}, expected ${String(one['wanted'])}`,
    );
  }
}

/**
 * `facts`: per row what is wrong with it alone, and the two hashes that its neighbours are held to. One pass over all bytes.
 * @returns how many findings about arrays were told
 */
export async function arrays(tables: BucketTables): Promise<number> {
  const { session, shape, findings } = tables;
  // Rows that are older than a column say nothing in it.
  const stored = (name: string) => (tables.later.has(name) ? `${identifier(name)} IS NOT NULL AND ` : '');
  const lengths = shape.histories.map(
    ({ name }) => `(${stored(name)}len(${identifier(name)}) IS DISTINCT FROM ${shape.historyLength})`,
  );
  const firsts = shape.histories
    .filter(({ from }) => from !== shape.deleteColumn || shape.feed !== undefined)
    .map(({ name, from }) => `${identifier(name)}[1] IS DISTINCT FROM ${recordValue(shape, from)}`);
  const grids = shape.grids.map(
    ({ name, history, placeholder, separator }) =>
      `(${stored(name)}${identifier(name)} IS DISTINCT FROM array_to_string(list_transform(${identifier(history)}, lambda x: coalesce(x::VARCHAR, ${text(placeholder)})), ${text(separator)}))`,
  );
  const any = (parts: readonly string[]) => (parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`);
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  await session.execute(`CREATE OR REPLACE TEMP TABLE facts AS
    SELECT n.pw_k AS k, n.pw_m AS m, n.pw_d AS d, n.pw_e AS e, hash(${storedNames(shape)
      .map((name) => `r.${identifier(name)}`)
      .join(', ')}) AS h,
      ${any(lengths)} AS bad_length, ${any(firsts)} AS bad_first, ${any(grids)} AS bad_grid, ${shownWrongly(shape)} AS bad_shown,
      ${tailHash(shape, 'n.pw_d')} AS tail, ${headHash(shape, 'n.pw_e')} AS head
    FROM ${await rows(tables, 'summary', storedNames(shape))} AS r
    JOIN (SELECT k AS pw_k, m AS pw_m, d AS pw_d, e AS pw_e FROM narrow) AS n ON r.${key} = n.pw_k AND r.${month} = n.pw_m`);
  const [row] = await session.query('SELECT count(*) AS n, count(tail) AS pairs FROM facts');
  for (const name of ['array length', 'array[0]', 'grids'] as const)
    findings.checked(name, Number(row?.['n'] ?? 0));
  findings.checked('array chain', Number(row?.['pairs'] ?? 0));
  let told = await tell(
    tables,
    'array length',
    'SELECT k, m FROM facts WHERE bad_length',
    `has an array of another length than ${shape.historyLength}`,
  );
  told += await tell(
    tables,
    'array[0]',
    'SELECT k, m FROM facts WHERE bad_first',
    'has an array whose first entry is not its own value',
  );
  told += await tell(
    tables,
    'grids',
    'SELECT k, m FROM facts WHERE bad_grid',
    'has a grid that is not its array as text',
  );
  if (shape.feed !== undefined) {
    findings.checked('feed overrides', Number(row?.['n'] ?? 0));
    await tell(
      tables,
      'feed overrides',
      'SELECT k, m FROM facts WHERE bad_shown',
      'shows another date or delete code than its record, its delete and its feed record ask for',
    );
  }
  return told + (await chain(tables));
}

/** @returns how many pairs were told */
async function chain(tables: BucketTables): Promise<number> {
  const { session, shape, findings } = tables;
  const broken = await session.query(`${brokenPairs} ORDER BY ALL LIMIT 10`);
  for (const pair of broken) {
    const [earlier, later] = await Promise.all(
      [pair['earlier'], pair['m']].map((month) => one(tables, pair['k'], String(month))),
    );
    const difference =
      earlier === undefined || later === undefined
        ? undefined
        : chainDifference(shape, earlier, later, {
            distance: Number(pair['d']),
            earlierAlive: earlier['pw_alive_now'] === true,
            same: sameValue,
          });
    findings.failed(
      'array chain',
      `${shape.key.name} ${String(pair['k'])}, month ${String(pair['m'])} against ${String(pair['earlier'])}: ${difference ?? 'the arrays disagree'}`,
    );
  }
  return broken.length;
}

async function one(
  tables: BucketTables,
  key: unknown,
  month: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { shape } = tables;
  const source = await rows(tables, 'summary', storedNames(shape), (file) => file.month === month);
  const [row] = await tables.session.query(`SELECT *, ${rowAlive(shape)} AS pw_alive_now FROM ${source}
    WHERE ${identifier(shape.key.name)} = ${text(String(key))}::${shape.key.sqlType} AND ${identifier(shape.month.name)} = ${text(month)} LIMIT 1`);
  return row;
}

/** Every row of latest is its summary row, column by column. Needs `facts` (k, m, h) of the summary rows. */
export async function latestEqual(tables: BucketTables): Promise<void> {
  const { session, shape, findings } = tables;
  if (!tables.schemas.has('latest')) return;
  const hash = `hash(${storedNames(shape).map(identifier).join(', ')})`;
  await session.execute(`CREATE OR REPLACE TEMP TABLE latest_facts AS
    SELECT ${identifier(shape.key.name)} AS k, ${identifier(shape.month.name)} AS m, ${hash} AS h FROM ${await rows(tables, 'latest', storedNames(shape))}`);
  const [row] = await session.query('SELECT count(*) AS n FROM latest_facts');
  findings.checked('latest rows', Number(row?.['n'] ?? 0));
  await tell(
    tables,
    'latest rows',
    'SELECT l.k, l.m FROM latest_facts AS l JOIN facts AS f USING (k, m) WHERE l.h <> f.h',
    'differs between summary and latest',
  );
}

/** @returns how many rows were told */
async function tell(tables: BucketTables, name: CheckName, sql: string, what: string): Promise<number> {
  const found = await tables.session.query(`${sql} ORDER BY 1 LIMIT 20`);
  for (const row of found) {
    const month = row['m'] === null ? '' : `, month ${String(row['m'])}`;
    tables.findings.failed(
      name,
      `${tables.shape.key.name} ${String(row['k'])}${month}, bucket ${tables.bucket}: the row ${what}`,
    );
  }
  return found.length;
}
