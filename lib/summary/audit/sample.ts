import type { SqlRow } from '../../engine/engine.ts';
import { identifier, text, textList } from '../../engine/sql.ts';
import type { Location } from '../../stores/ports.ts';
import { preparedPaths } from '../prepare/prepared-paths.ts';
import { storedNames } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';
import { recompute } from '../verify/recompute.ts';
import type { StoredMonth } from '../verify/registers.ts';
import {
  comparedScalars,
  feedRecord,
  recomputeRules,
  rowDifferences,
  rowMonth,
  sourceRecord,
  storedMonth,
  tombstone,
} from '../verify/rows.ts';
import { after, type BucketAudit, count, rowsOf } from './context.ts';
import { feedRows } from './feed.ts';
import { aliveColumns, monthNumber, monthText } from './sql.ts';

export interface SampleOptions {
  /** Keys to take from this bucket; all when it has fewer. */
  readonly keys: number;
  /** Array entries to compare at most, by which the keys are cut; default: no limit. */
  readonly maxEntries?: number;
}

/** What is recomputed together: so many keys and array entries at most. Bounds memory. */
const mostBatchKeys = 500;
const batchEntries = 400_000;

/**
 * Recomputes the rows of the drawn keys from the records, the stored rows and the tombstones, and compares them with
 * what the run wrote, `latest` included. Rows that the run must have changed and did not are failures too. Returns the
 * number of keys. Needs `drawn` and `row_facts`.
 */
export async function auditSample(audit: BucketAudit): Promise<number> {
  const [row] = await audit.session.query('SELECT count(*) AS n FROM drawn');
  const keys = Number(row?.['n'] ?? 0);
  if (keys === 0) return 0;
  await loadSample(audit);
  const batch = Math.min(mostBatchKeys, Math.ceil(batchEntries / (await entriesPerKey(audit))));
  for (let from = 0; from < keys; from += batch) await checkBatch(audit, from, from + batch);
  return keys;
}

/** A sample this small is always drawn. */
const leastKeys = 100;

/** How many keys fit the limit of entries, given how many rows of each the run changed. Needs `changed_rows`. */
async function affordableKeys(audit: BucketAudit, options: SampleOptions): Promise<number> {
  if (options.maxEntries === undefined) return options.keys;
  const affordable = Math.floor(options.maxEntries / (await entriesPerKey(audit)));
  return Math.min(options.keys, Math.max(leastKeys, affordable));
}

/** Array entries of a changed key's written rows, on average. Needs `changed_rows`. */
async function entriesPerKey(audit: BucketAudit): Promise<number> {
  const [row] = await audit.session.query(
    'SELECT count(*) AS n, count(DISTINCT k) AS keys FROM changed_rows',
  );
  const rowsPerKey = Math.max(1, count(row, 'n') / Math.max(1, count(row, 'keys')));
  return rowsPerKey * audit.shape.histories.length * audit.shape.historyLength;
}

/** `drawn` (k, n): keys of the batch, some of each kind of change. Needs `key_pairs` and `changed_rows`. */
export async function drawSample(audit: BucketAudit, options: SampleOptions): Promise<void> {
  const keys = await affordableKeys(audit, options);
  const { session, shape, state, context } = audit;
  const key = identifier(shape.key.name);
  const records = await prepared(audit, audit.sources);
  const latest = await rowsOf(audit, 'latest', state.roles.latest.before, [shape.key.name, shape.month.name]);
  const fed =
    shape.feed === undefined
      ? ''
      : ` UNION ALL SELECT ${key}, CASE WHEN ${identifier(feedNames.deleted)} THEN 'feed delete' ELSE 'feed' END FROM ${await feedRows(audit)}`;
  await session.execute(`CREATE OR REPLACE TEMP TABLE drawn AS
    WITH facts AS (
      SELECT r.${key} AS k,
        CASE WHEN r.is_delete THEN 'delete' WHEN l.m IS NULL THEN 'new' WHEN p.before > 0 THEN 'stored'
          WHEN r.month_no > ${monthNumber('l.m')} THEN 'forward' ELSE 'past' END AS kind
      FROM ${records} AS r
      LEFT JOIN (SELECT ${key} AS k, max(${identifier(shape.month.name)}) AS m FROM ${latest} GROUP BY ALL) AS l ON l.k = r.${key}
      LEFT JOIN key_pairs AS p ON p.k = r.${key} AND r.month_no = ${monthNumber('p.m')}${fed}),
    kinds AS (SELECT k, list_sort(list(DISTINCT kind)) AS kinds FROM facts GROUP BY k),
    ranked AS (SELECT k, row_number() OVER (PARTITION BY kinds ORDER BY hash(k, ${text(context.runId)}), k) AS place FROM kinds)
    SELECT k, row_number() OVER (ORDER BY place, hash(k), k) - 1 AS n FROM ranked QUALIFY n < ${Math.floor(keys)}`);
}

async function prepared(audit: BucketAudit, sources: readonly Location[]): Promise<string> {
  const { key } = audit.shape;
  if (sources.length === 0) {
    return `(SELECT NULL::${key.sqlType} AS ${identifier(key.name)}, NULL::INTEGER AS month_no, NULL::BOOLEAN AS is_delete WHERE false)`;
  }
  const paths = await preparedPaths(audit.context.world.results, sources, audit.state.bucket);
  return `(SELECT * FROM read_parquet(${textList(paths)}) WHERE bucket = ${audit.state.bucket})`;
}

interface KeyRows {
  readonly records: SqlRow[];
  readonly feed: SqlRow[];
  readonly stored: SqlRow[];
  readonly tombstones: SqlRow[];
  readonly written: SqlRow[];
  readonly latest: SqlRow[];
  /** Stored rows, with their arrays, right after a month that is not stored: they may know it. */
  readonly gaps: SqlRow[];
}

function noRows(): KeyRows {
  return { records: [], feed: [], stored: [], tombstones: [], written: [], latest: [], gaps: [] };
}

/** Tables of the session that hold the sampled rows of each source, with the key's number in `drawn`. */
const sampleTables = {
  records: 'sample_records',
  feed: 'sample_feed',
  stored: 'sample_stored',
  tombstones: 'sample_tombstones',
  written: 'sample_written',
  latest: 'sample_latest',
  gaps: 'sample_gaps',
} as const;

/** One read of each source for all batches. */
async function loadSample(audit: BucketAudit): Promise<void> {
  const { shape, state } = audit;
  const narrow = [
    shape.key.name,
    shape.month.name,
    shape.record.hash,
    shape.deletion.hash,
    ...aliveColumns(shape),
    ...comparedScalars(shape).map(({ name }) => name),
    ...[...(shape.feed?.source ?? []), ...(shape.feed?.register ?? [])].map(({ name }) => name),
  ];
  const { summary, tombstones } = state.roles;
  const sources: Readonly<Record<Exclude<keyof KeyRows, 'gaps'>, string>> = {
    records: await prepared(audit, audit.sources),
    feed: await feedRows(audit),
    stored: await rowsOf(audit, 'summary', summary.before, [...new Set(narrow)]),
    tombstones: await rowsOf(audit, 'tombstones', tombstones.before),
    written: '(SELECT unnest(sampled) FROM row_facts WHERE sampled IS NOT NULL)',
    latest: await rowsOf(audit, 'latest', after(audit, 'latest'), storedNames(shape)),
  };
  for (const [name, source] of Object.entries(sources)) {
    await audit.session.execute(
      `CREATE OR REPLACE TEMP TABLE ${sampleTables[name as keyof KeyRows]} AS SELECT r.*, d.n AS pw_n FROM ${source} AS r JOIN drawn AS d ON r.${identifier(shape.key.name)} = d.k`,
    );
  }
  await loadGaps(audit);
}

/** `sample_gaps`: see KeyRows. Needs `sample_stored`. */
async function loadGaps(audit: BucketAudit): Promise<void> {
  const { session, shape, state } = audit;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const number = monthNumber(month);
  await session.execute(`CREATE OR REPLACE TEMP TABLE gaps AS SELECT pw_k, pw_m, pw_n FROM (
    SELECT ${key} AS pw_k, ${month} AS pw_m, pw_n, ${number} - lag(${number}) OVER (PARTITION BY ${key} ORDER BY ${month}) AS pw_distance FROM sample_stored)
    WHERE pw_distance IS NULL OR pw_distance > 1`);
  const months = new Set(
    (await session.query('SELECT DISTINCT pw_m FROM gaps')).map((row) => String(row['pw_m'])),
  );
  const columns = [
    shape.key.name,
    shape.month.name,
    ...aliveColumns(shape),
    shape.record.hash,
    shape.deletion.hash,
    ...shape.histories.map(({ name }) => name),
  ];
  const source = await rowsOf(
    audit,
    'summary',
    state.roles.summary.before.filter((file) => months.has(file.month)),
    [...new Set(columns)],
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE ${sampleTables.gaps} AS SELECT r.*, g.pw_n FROM ${source} AS r JOIN gaps AS g ON r.${key} = g.pw_k AND r.${month} = g.pw_m`,
  );
}

/** The drawn keys with numbers in [from, to). */
async function checkBatch(audit: BucketAudit, from: number, to: number): Promise<void> {
  const { session, shape, findings, context } = audit;
  const byKey = new Map<string, KeyRows>();
  for (const into of Object.keys(sampleTables) as (keyof KeyRows)[]) {
    const statement = `SELECT * FROM ${sampleTables[into]} WHERE pw_n >= ${from} AND pw_n < ${to}`;
    for await (const rows of session.stream(statement)) {
      for (const row of rows) {
        const name = String(row[shape.key.name]);
        const found = byKey.get(name) ?? noRows();
        byKey.set(name, found);
        found[into].push(row);
      }
    }
  }

  const rules = recomputeRules(shape, context.config.onStale);
  for (const [name, rows] of byKey) {
    const arrays = new Map(rows.gaps.map((row) => [rowMonth(shape, row), storedMonth(shape, row).arrays]));
    const stored = rows.stored.map((row): StoredMonth => {
      const month = storedMonth(shape, row);
      return { ...month, arrays: arrays.get(month.month) ?? {} };
    });
    const written = new Map(rows.written.map((row) => [rowMonth(shape, row), row]));
    const input = {
      stored,
      tombstones: new Map(rows.tombstones.flatMap((row) => tombstone(shape, row))),
      feed: [...rows.tombstones, ...rows.feed].flatMap((row) => feedRecord(shape, row)),
      records: rows.records.map((row) => sourceRecord(shape, row)),
    };
    const first = recompute(rules, input, (month, changed) => changed || written.has(month));
    const say = (month: number, what: string) =>
      findings.failed('sample', `${shape.key.name} ${name}, month ${monthText(month)}: ${what}`);
    findings.checked('sample', 1);
    const expected = new Set(first.rows.map((row) => row.month));
    for (const row of first.rows) {
      const got = written.get(row.month);
      if (got === undefined && row.changed) say(row.month, 'the run must change this row and did not');
      if (got === undefined) continue;
      for (const difference of rowDifferences(shape, row, got)) say(row.month, difference);
    }
    for (const month of written.keys())
      if (!expected.has(month)) say(month, 'the run wrote a row that must not be there');
    const [newest] = rows.latest;
    if (first.latest === undefined || newest === undefined || rows.latest.length > 1) {
      if (first.latest !== undefined || newest !== undefined)
        say(first.latest?.month ?? 0, `latest holds ${rows.latest.length} rows`);
      continue;
    }
    const full = written.has(first.latest.month);
    for (const difference of rowDifferences(shape, first.latest, newest, full))
      say(first.latest.month, `latest, ${difference}`);
  }
}
