import type { SqlRow } from '../../engine/engine.ts';
import { type RollupAudit, whole } from './context.ts';

/** Sums over the rows of one resolution, exact. */
export interface Totals {
  readonly n: bigint;
  readonly s: bigint;
  readonly inc: bigint;
  readonly rs: bigint;
  readonly mn: bigint | undefined;
  readonly mx: bigint | undefined;
}

const totals =
  'count(*) AS rows, CAST(sum(n) AS HUGEINT) AS n, sum(s) AS s, sum(inc) AS inc, CAST(sum(rs) AS HUGEINT) AS rs, min(mn) AS mn, max(mx) AS mx';

/** Whether a row can be a window's at all, whichever its points were. */
const sound = `(n >= 1 AND mn <= mx AND fv BETWEEN mn AND mx AND lv BETWEEN mn AND mx AND ft <= lt AND ft > w - resolution AND lt <= w
  AND s IS NOT NULL AND inc IS NOT NULL AND rs BETWEEN 0 AND n AND (n > 1 OR (ft = lt AND fv = lv)))`;

const firstOfMonth =
  "CASE WHEN resolution >= 3600000 THEN CAST(date_trunc('month', window_ts) AS DATE) ELSE CAST(window_ts AS DATE) END";

interface RowsAudit extends Pick<RollupAudit, 'session' | 'findings' | 'rules' | 'added'> {
  readonly facts: Pick<RollupAudit['facts'], 'closedBeforeMs' | 'closedAfterMs'>;
  readonly context: { readonly world: Pick<RollupAudit['context']['world'], 'warehouse'> };
}

/** Rows that are to be published: each in its partition and its time, sound in itself. One pass over all columns. */
export async function auditRows(audit: RowsAudit): Promise<ReadonlyMap<number, Totals>> {
  const { session, findings, facts, rules, added, context } = audit;
  const after = facts.closedAfterMs === null ? 'false' : `w <= ${facts.closedAfterMs}`;
  const before = facts.closedBeforeMs === null ? 'true' : `w > ${facts.closedBeforeMs}`;
  const conditions = [
    ['partitions', `window_bucket = ${firstOfMonth} AND resolution IN (${rules.resolutionsMs.join(', ')})`],
    ['aligned windows', `epoch_us(window_ts) % (resolution * 1000) = 0`],
    ['published once', `${before} AND ${after}`],
    ['row values', `${sound} AND id IS NOT NULL`],
  ] as const;
  const broken = conditions.map(([, holds], at) => `count(*) FILTER ((${holds}) IS NOT TRUE) AS broken${at}`);
  const files = await session.query(
    `SELECT file, min(resolution) AS low, max(resolution) AS high, CAST(min(window_bucket) - DATE '1970-01-01' AS INTEGER) AS day,
      CAST(max(window_bucket) - DATE '1970-01-01' AS INTEGER) AS last_day, ${totals}, ${broken.join(', ')} FROM published GROUP BY file`,
  );
  const rows = files.reduce((sum, row) => sum + Number(row['rows']), 0);
  for (const [at, [name, holds]] of conditions.entries()) {
    findings.checked(name, rows);
    if (files.some((row) => whole(row, `broken${at}`) > 0n)) await nameBroken(audit, name, holds);
  }
  const byPath = new Map(files.map((row) => [String(row['file']), row]));
  for (const file of added) {
    const row = byPath.get(await context.world.warehouse.localPath(file.location));
    if (row === undefined) continue;
    const [resolution, day] = file.partition;
    const found = `${row['low']}..${row['high']} ms, day ${row['day']}..${row['last_day']}`;
    findings.same('partitions', file.location, `${resolution}..${resolution} ms, day ${day}..${day}`, found);
  }
  return totalsOf(files.map((row) => [Number(row['low']), row]));
}

async function nameBroken(
  { session, findings, facts }: RowsAudit,
  name: string,
  holds: string,
): Promise<void> {
  const bad = await session.query(
    `SELECT * FROM published WHERE (${holds}) IS NOT TRUE ORDER BY resolution, w, id LIMIT 5`,
  );
  const expected =
    name === 'published once'
      ? `expected a window after ${facts.closedBeforeMs} and up to ${facts.closedAfterMs}`
      : `expected ${name === 'row values' ? 'values that agree' : 'its own partition and edge'}`;
  for (const row of bad)
    findings.failed(
      name,
      `${rowName(row)}: ${expected}, found bucket ${row['window_bucket']}, n ${row['n']}, sum ${row['s']}, ${row['mn']}..${row['mx']}, ${row['fv']}@${row['ft']}..${row['lv']}@${row['lt']}, increase ${row['inc']}, resets ${row['rs']}`,
    );
}

/** @example 'series cpu, resolution 60000, window 1767225660000' */
export function rowName(row: SqlRow): string {
  return `series ${row['id']}, resolution ${row['resolution']}, window ${row['w']}`;
}

export async function partTotals(
  { session }: RollupAudit,
  view: string,
): Promise<ReadonlyMap<number, Totals>> {
  const rows = await session.query(`SELECT resolution, ${totals} FROM ${view} GROUP BY resolution`);
  return totalsOf(rows.map((row) => [Number(row['resolution']), row]));
}

function totalsOf(rows: readonly (readonly [number, SqlRow])[]): ReadonlyMap<number, Totals> {
  const found = new Map<number, Totals>();
  for (const [resolution, row] of rows) {
    const one: Totals = {
      n: whole(row, 'n'),
      s: whole(row, 's'),
      inc: whole(row, 'inc'),
      rs: whole(row, 'rs'),
      mn: row['mn'] === null ? undefined : whole(row, 'mn'),
      mx: row['mx'] === null ? undefined : whole(row, 'mx'),
    };
    const other = found.get(resolution);
    found.set(resolution, other === undefined ? one : together(one, other));
  }
  return found;
}

function together(a: Totals, b: Totals): Totals {
  return {
    n: a.n + b.n,
    s: a.s + b.s,
    inc: a.inc + b.inc,
    rs: a.rs + b.rs,
    mn: smaller(a.mn, b.mn),
    mx: a.mx === undefined || (b.mx !== undefined && b.mx > a.mx) ? b.mx : a.mx,
  };
}

export function smaller(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}

interface OrderOptions {
  readonly check: string;
  readonly view: string;
  /** What rows are sorted by, strictly. NULL comes last. */
  readonly by: readonly string[];
}

/**
 * Rows of every file lie in strictly ascending order, so none is there twice. One thread reads them in their order, which
 * is checked on the way.
 */
export async function auditOrder(audit: RollupAudit, { check, view, by }: OrderOptions): Promise<void> {
  const { session, findings } = audit;
  const [threads] = await session.query("SELECT current_setting('threads') AS n");
  await session.execute('SET threads = 1');
  const count = async (over: string) => {
    const before = by.map((name) => `lag(${name}) OVER (${over}) AS p_${name}`).join(', ');
    const [row] = await session.query(
      `SELECT count(*) AS rows, count(*) FILTER (NOT follows) AS moved, count(*) FILTER (follows AND pos > 0 AND NOT (${ascends(by)})) AS broken FROM
        (SELECT *, (pos = 0 OR coalesce(p_file = file AND p_pos = pos - 1, false)) AS follows FROM
        (SELECT *, ${before}, lag(pos) OVER (${over}) AS p_pos, lag(file) OVER (${over}) AS p_file FROM ${view}))`,
    );
    return row;
  };
  const asRead = await count('');
  const row = whole(asRead, 'moved') === 0n ? asRead : await count('PARTITION BY file ORDER BY pos');
  await session.execute(`SET threads = ${Number(threads?.['n'] ?? 1)}`);
  findings.checked(check, Number(row?.['rows'] ?? 0));
  if (whole(row, 'broken') === 0n) return;
  const before = by
    .map((name) => `lag(${name}) OVER (PARTITION BY file ORDER BY pos) AS p_${name}`)
    .join(', ');
  const bad = await session.query(
    `SELECT * FROM (SELECT *, ${before} FROM ${view}) WHERE pos > 0 AND NOT (${ascends(by)}) ORDER BY file, pos LIMIT 5`,
  );
  for (const one of bad)
    findings.failed(
      check,
      `${view}, row ${one['pos']}: expected more than ${by.map((name) => `${name} ${one[`p_${name}`]}`).join(', ')}, found ${by.map((name) => `${name} ${one[name]}`).join(', ')}`,
    );
}

function ascends(by: readonly string[]): string {
  const [name, ...rest] = by;
  if (name === undefined) return 'false';
  const equal = `(p_${name} IS NOT DISTINCT FROM ${name} AND ${ascends(rest)})`;
  return `(coalesce(p_${name} < ${name}, p_${name} IS NOT NULL AND ${name} IS NULL) OR ${equal})`;
}
