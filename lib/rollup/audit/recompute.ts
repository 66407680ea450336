/**
 * One series through one batch, from the rules: no SQL, nothing merged that can be counted. Times are milliseconds.
 */

export interface SeriesPoint {
  readonly ts: number;
  readonly v: bigint;
}
/** Label values in the order of the shape's labels, as text. */
export type Labels = readonly (string | null)[];

export interface SeriesWindow {
  readonly resolution: number;
  readonly w: number;
  readonly labels: Labels;
  readonly n: bigint;
  readonly s: bigint;
  readonly mn: bigint;
  readonly mx: bigint;
  readonly first: SeriesPoint;
  readonly last: SeriesPoint;
  readonly inc: bigint;
  readonly rs: bigint;
}

export interface SeriesInputs {
  /** In the order of ingest. */
  readonly arriving: readonly (SeriesPoint & { readonly labels: Labels })[];
  readonly hot: readonly (SeriesPoint & { readonly labels: Labels })[];
  readonly tail: (SeriesPoint & { readonly labels: Labels }) | undefined;
  readonly part: readonly SeriesWindow[];
}

export interface SeriesRules {
  readonly resolutionsMs: readonly number[];
  readonly baseMs: number;
  readonly maxGapMs: number | undefined;
  readonly duplicates: 'first' | 'last';
  readonly closedBeforeMs: number | null;
  readonly closedAfterMs: number | null;
}

export interface SeriesOutputs {
  readonly published: readonly SeriesWindow[];
  readonly hot: readonly (SeriesPoint & { readonly labels: Labels })[];
  readonly tail: (SeriesPoint & { readonly labels: Labels }) | undefined;
  readonly part: readonly SeriesWindow[];
}

export function recomputeSeries(inputs: SeriesInputs, rules: SeriesRules): SeriesOutputs {
  const { closedBeforeMs, closedAfterMs, maxGapMs } = rules;
  const isAlive = (ts: number, closedMs: number | null) =>
    closedMs === null || maxGapMs === undefined || closedMs - ts < maxGapMs;
  const tail = inputs.tail !== undefined && isAlive(inputs.tail.ts, closedBeforeMs) ? inputs.tail : undefined;
  const labels = inputs.hot[0]?.labels ?? tail?.labels ?? inputs.arriving[0]?.labels ?? [];
  const isClosed = (time: number) => closedAfterMs !== null && time <= closedAfterMs;

  const byTime = new Map<number, bigint>();
  for (const { ts, v } of [...inputs.hot, ...inputs.arriving])
    if (rules.duplicates === 'last' || !byTime.has(ts)) byTime.set(ts, v);
  const points = [...byTime].map(([ts, v]) => ({ ts, v })).sort((a, b) => a.ts - b.ts);

  const windows = new Map(inputs.part.map((row) => [`${row.resolution}/${row.w}`, row]));
  let previous: SeriesPoint | undefined = tail;
  for (const point of points.filter(({ ts }) => isClosed(ts))) {
    const { delta, isReset } = change(previous, point, maxGapMs);
    previous = point;
    for (const resolution of rules.resolutionsMs) {
      const w = Math.ceil(point.ts / resolution) * resolution;
      const key = `${resolution}/${w}`;
      windows.set(key, add(windows.get(key), { resolution, w, labels, point, delta, isReset }));
    }
  }
  const rows = [...windows.values()];
  const newTail = points.findLast(({ ts }) => isClosed(ts)) ?? tail;
  return {
    published: rows.filter(({ w }) => isClosed(w)),
    part: rows.filter(({ w }) => !isClosed(w)),
    hot: points.filter(({ ts }) => !isClosed(ts)).map((point) => ({ ...point, labels })),
    tail:
      newTail === undefined || !isAlive(newTail.ts, closedAfterMs)
        ? undefined
        : { ts: newTail.ts, v: newTail.v, labels },
  };
}

function change(
  previous: SeriesPoint | undefined,
  point: SeriesPoint,
  maxGapMs: number | undefined,
): { readonly delta: bigint; readonly isReset: boolean } {
  if (previous === undefined) return { delta: 0n, isReset: false };
  if (maxGapMs !== undefined && point.ts - previous.ts > maxGapMs) return { delta: 0n, isReset: false };
  return point.v >= previous.v
    ? { delta: point.v - previous.v, isReset: false }
    : { delta: point.v, isReset: true };
}

interface Addition {
  readonly resolution: number;
  readonly w: number;
  readonly labels: Labels;
  readonly point: SeriesPoint;
  readonly delta: bigint;
  readonly isReset: boolean;
}

function add(
  row: SeriesWindow | undefined,
  { resolution, w, labels, point, delta, isReset }: Addition,
): SeriesWindow {
  const rs = isReset ? 1n : 0n;
  if (row === undefined)
    return {
      resolution,
      w,
      labels,
      n: 1n,
      s: point.v,
      mn: point.v,
      mx: point.v,
      first: point,
      last: point,
      inc: delta,
      rs,
    };
  return {
    ...row,
    n: row.n + 1n,
    s: row.s + point.v,
    mn: point.v < row.mn ? point.v : row.mn,
    mx: point.v > row.mx ? point.v : row.mx,
    first: point.ts < row.first.ts ? point : row.first,
    last: point.ts > row.last.ts ? point : row.last,
    inc: row.inc + delta,
    rs: row.rs + rs,
  };
}
