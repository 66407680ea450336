import type { Labels, SeriesPoint } from '../../audit/recompute.ts';

/** One series through one repair, from the rules: no SQL, nothing merged. Times are milliseconds. */

/** A base row as it is published: what its neighbours and the next repair depend on. */
export interface BaseRow {
  readonly w: number;
  readonly labels: Labels;
  readonly first: SeriesPoint;
  readonly last: SeriesPoint;
  readonly inc: bigint;
  readonly rs: bigint;
}

/** A row of any resolution: where its points begin and end. */
export interface Extent {
  /** Left and right edge. */
  readonly after: number;
  readonly upto: number;
  readonly first: SeriesPoint;
  readonly last: SeriesPoint;
}

export interface RepairInputs {
  /** Without duplicates, by time: of the touched windows, after the repair. */
  readonly points: readonly SeriesPoint[];
  readonly touched: ReadonlySet<number>;
  readonly was: readonly BaseRow[];
  readonly now: readonly BaseRow[];
  /** Rows of all resolutions, before and after. */
  readonly extentsWas: readonly Extent[];
  readonly extentsNow: readonly Extent[];
  /** Labels of a row that begins with one of the repair's points. */
  readonly labels: Labels;
  readonly baseMs: number;
  readonly maxGapMs: number | undefined;
}

/** The series' base rows as they must be now, of those in `now`. */
export function expectedRows(inputs: RepairInputs): readonly BaseRow[] {
  const { now, points, touched, baseMs } = inputs;
  const was = new Map(inputs.was.map((row) => [row.w, row]));
  const inside = Map.groupBy(points, ({ ts }) => Math.ceil(ts / baseMs) * baseMs + 0);
  const [newestNow, newestWas] = [lastPoints(inputs.extentsNow), lastPoints(inputs.extentsWas)];
  return now.map((row) => {
    const before = was.get(row.w);
    const newer = newestNow(row.w - baseMs);
    if (touched.has(row.w)) return touchedRow(inputs, inside.get(row.w) ?? [], before, newer);
    if (before === undefined) return row;
    // Only the first point's difference can be another one.
    const old = change(newestWas(row.w - baseMs), before.first, inputs.maxGapMs);
    const fresh = change(newer, before.first, inputs.maxGapMs);
    return { ...before, inc: before.inc - old.delta + fresh.delta, rs: before.rs - old.reset + fresh.reset };
  });
}

function touchedRow(
  { labels, baseMs, maxGapMs }: RepairInputs,
  inside: readonly SeriesPoint[],
  before: BaseRow | undefined,
  previous: SeriesPoint | undefined,
): BaseRow {
  const [first, last] = [inside[0], inside.at(-1)];
  if (first === undefined || last === undefined) throw new TypeError('a touched window has no point');
  const w = Math.ceil(first.ts / baseMs) * baseMs + 0;
  let inc = 0n;
  let rs = 0n;
  let prev = previous;
  for (const point of inside) {
    const { delta, reset } = change(prev, point, maxGapMs);
    inc += delta;
    rs += reset;
    prev = point;
  }
  const isOlder = before !== undefined && before.first.ts <= first.ts;
  return { w, labels: isOlder ? before.labels : labels, first, last, inc, rs };
}

/** Of a time, the newest point of windows that end by then. */
function lastPoints(extents: readonly Extent[]): (endMs: number) => SeriesPoint | undefined {
  const sorted = extents.toSorted((a, b) => a.upto - b.upto);
  const newest: SeriesPoint[] = [];
  for (const { last } of sorted) {
    const before = newest.at(-1);
    newest.push(before !== undefined && before.ts > last.ts ? before : last);
  }
  return (endMs) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle]?.upto ?? Number.POSITIVE_INFINITY) <= endMs) low = middle + 1;
      else high = middle;
    }
    return newest[low - 1];
  };
}

function change(
  previous: SeriesPoint | undefined,
  point: SeriesPoint,
  maxGapMs: number | undefined,
): { readonly delta: bigint; readonly reset: bigint } {
  if (previous === undefined) return { delta: 0n, reset: 0n };
  if (maxGapMs !== undefined && point.ts - previous.ts > maxGapMs) return { delta: 0n, reset: 0n };
  if (point.v >= previous.v) return { delta: point.v - previous.v, reset: 0n };
  return { delta: point.v, reset: 1n };
}
