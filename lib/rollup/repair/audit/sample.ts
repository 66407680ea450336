import type { SqlRow } from '../../../engine/engine.ts';
import { text } from '../../../engine/sql.ts';
import type { Labels, SeriesPoint } from '../../audit/recompute.ts';
import { labelNames } from '../../columns.ts';
import type { RepairAudit } from './context.ts';
import { type BaseRow, type Extent, expectedRows } from './recompute.ts';

/** Rows and points that are recomputed in memory, unless one series alone has more. */
const mostRows = 400_000;

/**
 * Recomputes the base rows, the open points and the tail of some series, in every column that depends on what comes before
 * a point. Which series changes with the run and not with the attempt. Returns how many there were.
 */
export async function auditSeries(audit: RepairAudit): Promise<number> {
  const { session, findings, context, series } = audit;
  const sizes = `SELECT id, count(*) AS n FROM (${['rows_was', 'rows_now', 'kept', 'points'].map((view) => `SELECT id FROM ${view}`).join(' UNION ALL ')}) GROUP BY id`;
  await session.execute(
    `CREATE TEMP TABLE drawn AS SELECT id FROM (SELECT id, row_number() OVER place AS number, sum(n) OVER place AS total FROM (${sizes})
      WINDOW place AS (ORDER BY hash(id, ${text(context.runId)}), id ROWS UNBOUNDED PRECEDING)) WHERE number <= ${series} AND (total <= ${mostRows} OR number = 1)`,
  );
  const rows = await readSeries(audit);
  const ids = await session.query('SELECT CAST(id AS VARCHAR) AS name FROM drawn ORDER BY 1');
  findings.checked('sample', ids.length);
  for (const { name } of ids)
    compareSeries(audit, String(name), (view) => rows.get(view)?.get(String(name)) ?? []);
  return ids.length;
}

const views = {
  points: 'SELECT * FROM points ORDER BY ts, o',
  kept: 'SELECT * FROM kept ORDER BY ts, q',
  rows_was: 'SELECT * FROM rows_was',
  rows_now: 'SELECT * FROM rows_now',
  hot_before: 'SELECT * FROM hot_before',
  hot_now: 'SELECT * FROM hot_now',
  tails_before: 'SELECT * FROM tails_before',
  tails_now: 'SELECT * FROM tails_now',
} as const;
type View = keyof typeof views;

async function readSeries({ session }: RepairAudit) {
  const read = new Map<View, Map<string, SqlRow[]>>();
  for (const [view, select] of Object.entries(views) as readonly (readonly [View, string])[]) {
    const found = await session.query(
      `SELECT CAST(id AS VARCHAR) AS name, * EXCLUDE (id) FROM (${select}) WHERE id IN (SELECT id FROM drawn)`,
    );
    read.set(
      view,
      Map.groupBy(found, (row) => String(row['name'])),
    );
  }
  return read;
}

function compareSeries(audit: RepairAudit, id: string, rows: (view: View) => readonly SqlRow[]): void {
  const { rules, facts, findings, shape } = audit;
  const { baseMs, maxGapMs } = rules;
  const { closedThroughMs } = facts;
  const names = labelNames(shape);
  const labelsOf = (row: SqlRow): Labels =>
    names.map((name) => (row[name] === null || row[name] === undefined ? null : String(row[name])));
  const point = (row: SqlRow): SeriesPoint => ({ ts: Number(row['ts']), v: BigInt(String(row['v'])) });
  const repaired = rows('points').map((row) => ({
    ...point(row),
    labels: labelsOf(row),
    o: Number(row['o']),
  }));
  const isAlive = (ts: number) => maxGapMs === undefined || closedThroughMs - ts < maxGapMs;
  const [tail] = rows('tails_before').filter((row) => isAlive(Number(row['ts'])));
  const known = rows('hot_before')[0] ?? tail;
  const labels = known === undefined ? (repaired[0]?.labels ?? []) : labelsOf(known);
  const windowOf = (ts: number) => Math.ceil(ts / baseMs) * baseMs;
  const byPlace = (a: { readonly o: number }, b: { readonly o: number }) => a.o - b.o;
  const inOrder = repaired.toSorted(byPlace);

  const kept = rows('kept')
    .toSorted((a, b) => Number(BigInt(String(a['q'])) - BigInt(String(b['q']))))
    .map(point);
  const closed = once(
    [...kept, ...inOrder.filter(({ ts }) => windowOf(ts) <= closedThroughMs)],
    rules.duplicates,
  );
  const base = (view: 'rows_was' | 'rows_now') =>
    rows(view)
      .filter((row) => Number(row['resolution']) === baseMs)
      .map(
        (row): BaseRow => ({
          w: Number(row['w']),
          labels: labelsOf(row),
          ...ends(row),
          inc: BigInt(String(row['inc'])),
          rs: BigInt(String(row['rs'])),
        }),
      );
  const extents = (view: 'rows_was' | 'rows_now') =>
    rows(view).map(
      (row): Extent => ({
        after: Number(row['w']) - Number(row['resolution']),
        upto: Number(row['w']),
        ...ends(row),
      }),
    );
  const now = base('rows_now');
  const touched = new Set(repaired.map(({ ts }) => windowOf(ts)).filter((w) => w <= closedThroughMs));
  const expected = expectedRows({
    points: closed,
    touched,
    was: base('rows_was'),
    now,
    extentsWas: extents('rows_was'),
    extentsNow: extents('rows_now'),
    labels,
    baseMs,
    maxGapMs,
  });
  const differ = (what: string, want: readonly string[], found: readonly string[]) => {
    const [wanted, there] = [new Set(want), new Set(found)];
    const missing = want.filter((one) => !there.has(one));
    const extra = found.filter((one) => !wanted.has(one));
    if (missing.length + extra.length === 0 && want.length === found.length) return;
    findings.failed(
      'sample',
      `series ${id}, ${what}: expected ${missing[0] ?? `${want.length} rows`}, found ${extra[0] ?? `${found.length} rows`}`,
    );
  };
  differ('row', expected.map(rowText), now.map(rowText));
  const hot = once(
    [...rows('hot_before').map(point), ...inOrder.filter(({ ts }) => windowOf(ts) > closedThroughMs)],
    rules.duplicates,
  );
  const stated = (view: 'hot_now' | 'tails_now') =>
    rows(view).map((row) => pointText(point(row), labelsOf(row)));
  differ(
    'open point',
    hot.map((one) => pointText(one, labels)),
    stated('hot_now'),
  );
  const [older] = rows('tails_before').map(point);
  const newest = closed.at(-1);
  const last = older !== undefined && (newest === undefined || older.ts > newest.ts) ? older : newest;
  const tails = last !== undefined && isAlive(last.ts) ? [pointText(last, labels)] : [];
  // A file that is carried over may hold a tail that nobody continues any more.
  const living = rows('tails_now').filter((row) => isAlive(Number(row['ts'])));
  differ(
    'tail',
    tails,
    living.map((row) => pointText(point(row), labelsOf(row))),
  );
}

function ends(row: SqlRow): { readonly first: SeriesPoint; readonly last: SeriesPoint } {
  return {
    first: { ts: Number(row['ft']), v: BigInt(String(row['fv'])) },
    last: { ts: Number(row['lt']), v: BigInt(String(row['lv'])) },
  };
}

/** One point per time, by time; of several the first or the last in the order given. */
function once(points: readonly SeriesPoint[], which: 'first' | 'last'): readonly SeriesPoint[] {
  const byTime = new Map<number, bigint>();
  for (const { ts, v } of points) if (which === 'last' || !byTime.has(ts)) byTime.set(ts, v);
  return [...byTime].map(([ts, v]) => ({ ts, v })).sort((a, b) => a.ts - b.ts);
}

function rowText({ w, labels, first, last, inc, rs }: BaseRow): string {
  return `window ${w}: labels ${JSON.stringify(labels)}, ${first.v}@${first.ts}..${last.v}@${last.ts}, increase ${inc}, resets ${rs}`;
}

function pointText({ ts, v }: SeriesPoint, labels: Labels): string {
  return `${v}@${ts} ${JSON.stringify(labels)}`;
}
