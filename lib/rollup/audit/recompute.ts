import { estimatesOf, type SeriesSketch } from './recompute-estimates.ts';

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
  /** The sketch: bucket to count, ascending. Empty without quantiles. */
  readonly buckets: ReadonlyMap<number, bigint>;
  /** Of the configured quantiles; published windows only. */
  readonly estimates: readonly number[];
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
  readonly sketch: SeriesSketch | undefined;
}

export interface SeriesOutputs {
  readonly published: readonly SeriesWindow[];
  readonly hot: readonly (SeriesPoint & { readonly labels: Labels })[];
  readonly tail: (SeriesPoint & { readonly labels: Labels }) | undefined;
  readonly part: readonly SeriesWindow[];
}

export function recomputeSeries(inputs: SeriesInputs, rules: SeriesRules): SeriesOutputs {
  const { closedBeforeMs, closedAfterMs, maxGapMs, sketch } = rules;
  const isAlive = (ts: number, closedMs: number | null) =>
    closedMs === null || maxGapMs === undefined || closedMs - ts < maxGapMs;
  const tail = inputs.tail !== undefined && isAlive(inputs.tail.ts, closedBeforeMs) ? inputs.tail : undefined;
  const labels = inputs.hot[0]?.labels ?? tail?.labels ?? inputs.arriving[0]?.labels ?? [];
  const isClosed = (time: number) => closedAfterMs !== null && time <= closedAfterMs;

  const byTime = new Map<number, bigint>();
  for (const { ts, v } of [...inputs.hot, ...inputs.arriving])
    if (rules.duplicates === 'last' || !byTime.has(ts)) byTime.set(ts, v);
  const points = [...byTime].map(([ts, v]) => ({ ts, v })).sort((a, b) => a.ts - b.ts);

  const windows = new Map<number, Map<number, Open>>();
  for (const resolution of rules.resolutionsMs) windows.set(resolution, new Map());
  for (const row of inputs.part)
    windows.set(
      row.resolution,
      (windows.get(row.resolution) ?? new Map()).set(row.w, { ...row, buckets: new Map(row.buckets) }),
    );
  let previous: SeriesPoint | undefined = tail;
  for (const point of points.filter(({ ts }) => isClosed(ts))) {
    const { delta, isReset } = change(previous, point, maxGapMs);
    previous = point;
    const bucket = sketch?.buckets.of(point.v);
    for (const resolution of rules.resolutionsMs) {
      const open = windows.get(resolution) ?? new Map<number, Open>();
      const w = Math.ceil(point.ts / resolution) * resolution;
      const row = open.get(w);
      if (row === undefined) open.set(w, begin({ resolution, w, labels, point, delta, isReset, bucket }));
      else add(row, { point, delta, isReset, bucket });
    }
  }
  const rows = [...windows.values()]
    .flatMap((open) => [...open.values()])
    .map((row) => ({ ...row, buckets: ascending(row.buckets) }));
  const newTail = points.findLast(({ ts }) => isClosed(ts)) ?? tail;
  return {
    published: rows
      .filter(({ w }) => isClosed(w))
      .map((row) => ({ ...row, estimates: estimatesOf(row, sketch) })),
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

/** A window that points are still added to. */
type Open = { -readonly [Column in keyof Omit<SeriesWindow, 'buckets'>]: SeriesWindow[Column] } & {
  readonly buckets: Map<number, bigint>;
};

function ascending(buckets: ReadonlyMap<number, bigint>): ReadonlyMap<number, bigint> {
  return new Map([...buckets].sort(([a], [b]) => a - b));
}

interface Addition {
  readonly point: SeriesPoint;
  readonly delta: bigint;
  readonly isReset: boolean;
  readonly bucket: number | undefined;
}

function begin({
  resolution,
  w,
  labels,
  point,
  delta,
  isReset,
  bucket,
}: Addition & Pick<SeriesWindow, 'resolution' | 'w' | 'labels'>): Open {
  const { v } = point;
  const rs = isReset ? 1n : 0n;
  const buckets = new Map(bucket === undefined ? [] : [[bucket, 1n] as const]);
  return {
    ...{ resolution, w, labels, n: 1n, s: v, mn: v, mx: v, first: point, last: point, inc: delta, rs },
    buckets,
    estimates: [],
  };
}

function add(row: Open, { point, delta, isReset, bucket }: Addition): void {
  row.n += 1n;
  row.s += point.v;
  if (point.v < row.mn) row.mn = point.v;
  if (point.v > row.mx) row.mx = point.v;
  if (point.ts < row.first.ts) row.first = point;
  if (point.ts > row.last.ts) row.last = point;
  row.inc += delta;
  if (isReset) row.rs += 1n;
  if (bucket !== undefined) row.buckets.set(bucket, (row.buckets.get(bucket) ?? 0n) + 1n);
}
