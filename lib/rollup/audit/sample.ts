import type { SqlRow } from '../../engine/engine.ts';
import { labelNames } from '../columns.ts';
import type { RollupAudit } from './context.ts';
import { drawSample } from './draw.ts';
import { type Labels, recomputeSeries, type SeriesPoint, type SeriesWindow } from './recompute.ts';
import type { SeriesSketch } from './recompute-estimates.ts';
import { seriesSketch, sketchColumnsOf, sketchOfRow, sketchText } from './sample-sketch.ts';

/** Points that are recomputed together: bounds memory. */
const batchPoints = 50_000;
/** Characters of a row in a finding. */
const mostShown = 1_000;

const sampled = [
  'points_in',
  'hot_before',
  'hot_after',
  'tails_before',
  'tails_after',
  'part_before',
  'part_after',
  'published',
] as const;
type Sampled = (typeof sampled)[number];

const windowColumns = ['w', 'n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'inc', 'rs'] as const;

/**
 * Recomputes the rows and the next state of some series from their points and their state, and compares them in every
 * column. Returns how many series there were.
 */
export async function auditSample(audit: RollupAudit): Promise<number> {
  const { session, findings } = audit;
  const series = await drawSample(audit);
  findings.checked('sample', series);
  if (series === 0) return 0;
  for (const view of sampled)
    await session.execute(
      `CREATE TEMP TABLE s_${view} AS SELECT drawn.n AS series, rows.* FROM (SELECT ${columnsOf(audit, view)} FROM ${view}) AS rows JOIN drawn USING (id)`,
    );
  const drawn = await session.query('SELECT n, id, points FROM drawn ORDER BY n');
  const sketch = seriesSketch(audit.shape.sketch);
  let from = 0;
  let points = 0;
  for (const [at, row] of drawn.entries()) {
    points += Number(row['points']);
    if (points < batchPoints && at < drawn.length - 1) continue;
    await compare(audit, sketch, drawn.slice(from, at + 1));
    from = at + 1;
    points = 0;
  }
  return series;
}

/** What is compared of a view, and the series: the fewer columns, the fewer values have to be decoded. */
function columnsOf({ shape }: RollupAudit, view: Sampled): string {
  const names = labelNames(shape);
  if (view === 'published' || view === 'part_before' || view === 'part_after')
    return ['id', 'resolution', ...windowColumns, ...sketchColumnsOf(shape.sketch, view), ...names].join(
      ', ',
    );
  return ['id', 'ts', 'v', ...names, ...(view === 'points_in' ? ['q'] : [])].join(', ');
}

async function compare(
  audit: RollupAudit,
  sketch: SeriesSketch | undefined,
  drawn: readonly SqlRow[],
): Promise<void> {
  const rows = new Map<Sampled, Map<number, SqlRow[]>>();
  for (const view of sampled) {
    const found = await audit.session.query(
      `SELECT * EXCLUDE (${view === 'points_in' ? 'id, q' : 'id'}) FROM s_${view} WHERE series BETWEEN ${Number(drawn[0]?.['n'])} AND ${Number(drawn.at(-1)?.['n'])}${view === 'points_in' ? ' ORDER BY q' : ''}`,
    );
    rows.set(
      view,
      Map.groupBy(found, (row) => Number(row['series'])),
    );
  }
  for (const { n, id } of drawn)
    compareSeries({ audit, sketch, id: String(id), rows: (view) => rows.get(view)?.get(Number(n)) ?? [] });
}

interface Comparison {
  readonly audit: RollupAudit;
  readonly sketch: SeriesSketch | undefined;
  readonly id: string;
  readonly rows: (view: Sampled) => readonly SqlRow[];
}

function compareSeries({ audit, sketch, id, rows }: Comparison): void {
  const { facts, rules, shape } = audit;
  const names = labelNames(shape);
  const point = (row: SqlRow) => ({
    ts: Number(row['ts']),
    v: BigInt(String(row['v'])),
    labels: labelsOf(row, names),
  });
  const window = (row: SqlRow) => ({ ...windowOf(row, names), ...sketchOfRow(row, shape.sketch) });
  const inputs = {
    arriving: rows('points_in').map(point),
    hot: rows('hot_before').map(point),
    tail: rows('tails_before').map(point)[0],
    part: rows('part_before').map(window),
  };
  const expected = recomputeSeries(inputs, {
    ...rules,
    closedBeforeMs: facts.closedBeforeMs,
    closedAfterMs: facts.closedAfterMs,
    sketch,
  });
  const differ = (what: string, want: readonly string[], found: readonly string[]) => {
    const [wanted, there] = [new Set(want), new Set(found)];
    const missing = want.filter((one) => !there.has(one));
    const extra = found.filter((one) => !wanted.has(one));
    if (missing.length + extra.length === 0 && want.length === found.length) return;
    audit.findings.failed(
      'sample',
      `series ${id}, ${what}: expected ${shown(missing[0]) ?? `${want.length} rows`}, found ${shown(extra[0]) ?? `${found.length} rows`}`,
    );
  };
  differ('row', expected.published.map(windowText), rows('published').map(window).map(windowText));
  differ('open window', expected.part.map(windowText), rows('part_after').map(window).map(windowText));
  differ('open point', expected.hot.map(pointText), rows('hot_after').map(point).map(pointText));
  const found = rows('tails_after').map(point).map(pointText);
  // A file that is carried over may hold a tail that nobody continues any more.
  const isIdle = inputs.arriving.length + inputs.hot.length + inputs.part.length === 0;
  const kept = inputs.tail === undefined ? undefined : pointText(inputs.tail);
  if (isIdle && expected.tail === undefined && found.length === 1 && found[0] === kept) return;
  differ('tail', expected.tail === undefined ? [] : [pointText(expected.tail)], found);
}

/** A sketch may have thousands of buckets. */
function shown(text: string | undefined): string | undefined {
  return text !== undefined && text.length > mostShown ? `${text.slice(0, mostShown)} …` : text;
}

function labelsOf(row: SqlRow, names: readonly string[]): Labels {
  return names.map((name) => (row[name] === null || row[name] === undefined ? null : String(row[name])));
}

function windowOf(row: SqlRow, names: readonly string[]): Omit<SeriesWindow, 'buckets' | 'estimates'> {
  const whole = (name: string) => BigInt(String(row[name] ?? 0));
  return {
    resolution: Number(row['resolution']),
    w: Number(row['w']),
    labels: labelsOf(row, names),
    n: whole('n'),
    s: whole('s'),
    mn: whole('mn'),
    mx: whole('mx'),
    first: { ts: Number(row['ft']), v: whole('fv') },
    last: { ts: Number(row['lt']), v: whole('lv') },
    inc: whole('inc'),
    rs: whole('rs'),
  };
}

function windowText(row: SeriesWindow): string {
  return `resolution ${row.resolution}, window ${row.w}: labels ${JSON.stringify(row.labels)}, count ${row.n}, sum ${row.s}, ${row.mn}..${row.mx}, ${row.first.v}@${row.first.ts}..${row.last.v}@${row.last.ts}, increase ${row.inc}, resets ${row.rs}${sketchText(row)}`;
}

function pointText({ ts, v, labels }: SeriesPoint & { readonly labels: Labels }): string {
  return `${v}@${ts} ${JSON.stringify(labels)}`;
}
