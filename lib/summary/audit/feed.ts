import { identifier, textList } from '../../engine/sql.ts';
import { preparedPaths } from '../prepare/prepared-paths.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';
import { after, type BucketAudit, count, rowsOf } from './context.ts';
import { changedMonths } from './keys.ts';
import { sourceAlive } from './sql.ts';
import type { StateFile } from './state.ts';

/** Checks of what the deletions feed does, from the rules once more and not from the work's own statements. */

/** Whether a row shows another date or delete code than its three registers ask for; `false` without a feed. */
export function shownWrongly(shape: SummaryShape): string {
  const { feed } = shape;
  if (feed === undefined) return 'false';
  const name = (column: keyof typeof feedNames) => identifier(feedNames[column]);
  const source = sourceAlive(shape);
  const sourceCode = `CASE WHEN ${source} THEN ${name('recordCode')}::VARCHAR ELSE ${name('deleteCode')} END`;
  const expected = `CASE
    WHEN NOT ${source} AND ${name('deleted')} THEN {'d': NULL::DATE, 'c': ${sourceCode}}
    WHEN NOT ${name('deleted')} AND (NOT ${source} OR coalesce(${name('date')} > ${name('recordDate')}, true)) THEN {'d': ${name('date')}, 'c': ${name('code')}::VARCHAR}
    ELSE {'d': ${name('recordDate')}, 'c': ${sourceCode}} END`;
  return `({'d': ${identifier(feed.date.name)}, 'c': ${identifier(feed.code.name)}::VARCHAR} IS DISTINCT FROM ${expected})`;
}

/** The record's own value of a collected column: what the feed or a delete may replace is kept aside. */
export function recordValue(shape: SummaryShape, from: string): string {
  if (from === shape.feed?.date.name) return identifier(feedNames.recordDate);
  return from === shape.feed?.code.name ? identifier(feedNames.recordCode) : identifier(from);
}

/** Columns of the checks' tables of feed registers. */
const short = ['k', 'm', 'v', 'h', 'dead', 'd', 'c'] as const;

/**
 * Changed rows show what their registers ask for. The feed registers of written rows and tombstones are feed records of
 * the batch or were there before, the newest of them; and no feed record of the batch is missing. Needs `row_facts` with
 * `bad_shown`, and `changed_rows`.
 */
export async function auditFeed(audit: BucketAudit): Promise<void> {
  const { session, shape, findings, state } = audit;
  if (shape.feed === undefined) return;
  const [row] = await session.query('SELECT count(*) AS n FROM row_facts WHERE changed');
  findings.checked('feed overrides', count(row, 'n'));
  await tell(
    audit,
    'SELECT k, m FROM row_facts WHERE bad_shown',
    'shows another date or delete code than its record, its delete and its feed record ask for',
  );
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE feed_batch AS SELECT * FROM ${shortened(audit, await feedRows(audit))}`,
  );
  const months = changedMonths(audit);
  const { summary, tombstones } = state.roles;
  const old = summary.before.filter((file) => months.has(file.month));
  await session.execute(`CREATE OR REPLACE TEMP TABLE feed_known AS SELECT * FROM feed_batch
    UNION ALL SELECT * FROM ${await registers(audit, 'summary', old)} UNION ALL SELECT * FROM ${await registers(audit, 'tombstones', tombstones.before)}`);
  await session.execute(`CREATE OR REPLACE TEMP TABLE feed_written AS
    SELECT w.* FROM ${await registers(audit, 'summary', summary.added)} AS w SEMI JOIN changed_rows AS c ON c.k = w.k AND c.m = w.m
    UNION ALL SELECT * FROM ${await registers(audit, 'tombstones', tombstones.added)}`);
  await tell(
    audit,
    `SELECT w.k, w.m FROM feed_written AS w ANTI JOIN feed_known AS o
     ON o.k = w.k AND o.m = w.m AND o.v = w.v AND o.h = w.h AND o.dead = w.dead AND o.d = w.d AND o.c IS NOT DISTINCT FROM w.c WHERE w.v IS NOT NULL`,
    'has a feed record that nobody sent',
  );
  await tell(
    audit,
    `SELECT DISTINCT w.k, w.m FROM feed_written AS w JOIN feed_known AS o ON o.k = w.k AND o.m = w.m
     WHERE o.v IS NOT NULL AND (w.v IS NULL OR o.v > w.v OR (o.v = w.v AND o.h > w.h))`,
    'has an older feed record than one that is known',
  );
  await arrived(audit);
}

/** The bucket's prepared feed rows as a parenthesised SELECT, their columns named as a tombstone's; none without a feed. */
export async function feedRows(audit: BucketAudit): Promise<string> {
  const { shape, state, context } = audit;
  const columns = [shape.key, shape.month, ...(shape.feed?.register ?? [])];
  const sources = [
    '"key"',
    `strftime("date", '%Y-%m')`,
    '"version"',
    '"hash"',
    'is_delete',
    '"date"',
    '"code"',
  ];
  const typed = (values: readonly string[]) =>
    columns
      .map(({ name, sqlType }, at) => `${values[at] ?? 'NULL'}::${sqlType} AS ${identifier(name)}`)
      .join(', ');
  if (audit.feed.length === 0) return `(SELECT ${typed([])} WHERE false)`;
  const paths = await preparedPaths(context.world.results, audit.feed, state.bucket);
  return `(SELECT ${typed(sources)} FROM read_parquet(${textList(paths)}) WHERE bucket = ${state.bucket})`;
}

function registerColumns({ key, month, feed }: SummaryShape): readonly string[] {
  return [key, month, ...(feed?.register ?? [])].map(({ name }) => name);
}

/** Key, month and feed register of rows that name their columns as tombstones do, in the checks' short names. */
function shortened({ shape }: BucketAudit, rows: string): string {
  return `(SELECT ${registerColumns(shape)
    .map((name, at) => `${identifier(name)} AS ${short[at]}`)
    .join(', ')} FROM ${rows})`;
}

/** The same of stored rows or of tombstones; NULL where there is no feed record. */
async function registers(
  audit: BucketAudit,
  role: 'summary' | 'tombstones',
  files: readonly StateFile[],
): Promise<string> {
  return shortened(audit, await rowsOf(audit, role, files, registerColumns(audit.shape)));
}

/** Each feed record of the batch, or a newer one, stands in its month's row or among the tombstones. */
async function arrived(audit: BucketAudit): Promise<void> {
  const sent = await audit.session.query('SELECT DISTINCT m FROM feed_batch');
  if (sent.length === 0) return;
  const months = new Set(sent.map((row) => String(row['m'])));
  const rows = after(audit, 'summary').filter((file) => months.has(file.month));
  await tell(
    audit,
    `SELECT DISTINCT f.k, f.m FROM feed_batch AS f ANTI JOIN (SELECT * FROM ${await registers(audit, 'summary', rows)}
     UNION ALL SELECT * FROM ${await registers(audit, 'tombstones', after(audit, 'tombstones'))}) AS s
     ON s.k = f.k AND s.m = f.m AND (s.v > f.v OR (s.v = f.v AND s.h >= f.h))`,
    'lacks a feed record that came',
  );
}

async function tell(audit: BucketAudit, sql: string, what: string): Promise<void> {
  for (const row of await audit.session.query(`${sql} ORDER BY 1, 2 LIMIT 20`)) {
    audit.findings.failed(
      'feed overrides',
      `${audit.shape.key.name} ${String(row['k'])}, month ${String(row['m'])}, bucket ${audit.state.bucket}: the row ${what}`,
    );
  }
}
