/**
 * The rollups' truth, computed from all points of all batches at once: no state, nothing merged, nothing imported from the product.
 * Where the rules leave a choice, this is the one taken:
 *
 * - Ingest order: batch, then files by (arrived, key, version), key and version by their UTF-8 bytes, then the row's
 *   number. `offset` counts a batch's points in that order.
 * - C after a batch is never below C before it. A flush moves it at least as far as its watermark would, and on to the
 *   right edge of every window, at any resolution, that holds a point; a flush with nothing open only obeys the watermark.
 * - Accepted: neither too late nor too far. Too late is asked first, of C after the batch before; a batch never closes
 *   windows to its own points. Too far is a time above W(b) + maxFuture, the window does not matter.
 * - A duplicate is an accepted point whose (id, time) was accepted before, in whichever batch, and is counted by its own
 *   batch. `last` replaces the value and nothing else. A point of a closed base window is never replaced: its duplicate
 *   is too late and counts as that, not as a duplicate.
 * - A reset adds the value itself, which may be below zero; so may an increase.
 * - Labels are those of the series' accepted point with the smallest (batch, offset), be it replaced by a `last` or not.
 *   They hold for the points still open too. A series is forgotten with the batch after which C - (its newest time) >=
 *   maxGap: then it has neither an open point nor a tail, its next point is a first point anyway, and that point's
 *   batch fixes the labels anew. A coarse window that saw both shows the labels of its first point.
 * - A repair comes after a batch and before the next one: its points are accepted last, whatever is closed by then, unless
 *   they are too far in the future by that batch's watermark. First those that were too late for the batches that it
 *   names and that no repair has taken yet, then its own. C stays what it is. Labels are those that the series has; of
 *   one that is forgotten or new, those of its earliest point in the repair. A duplicate keeps the labels of the first.
 */

import { type QuantileRules, sketchOf } from './sketch-oracle.ts';

export interface RollupRules {
  readonly resolutionsMs: readonly number[];
  readonly startMs: number;
  readonly batchMs: number;
  /** undefined: nothing closes until a flush. */
  readonly latenessMs: number | undefined;
  readonly duplicates: 'first' | 'last';
  readonly maxGapMs: number | undefined;
  readonly maxFutureMs: number | undefined;
  /** Absent: rows have no sketch. */
  readonly quantiles?: QuantileRules | undefined;
}

export interface OraclePoint {
  /** The series. */
  readonly id: string;
  readonly orgId: string | null;
  readonly metric: string | null;
  readonly shardId: number;
  readonly value: bigint;
  readonly timeMs: number;
}

export interface OracleFile {
  readonly arrivedMs: number;
  readonly key: string;
  readonly version: string;
  readonly points: readonly OraclePoint[];
}

export interface OracleBatch {
  readonly batch: number;
  readonly flush: boolean;
  readonly files: readonly OracleFile[];
  /** In their order, after the batch. */
  readonly repairs?: readonly OracleRepair[];
}

export interface OracleRepair {
  /** Takes what was too late for this batch and later ones; undefined: nothing of the kind. */
  readonly lateFrom: number | undefined;
  /** In the order of ingest. */
  readonly points: readonly OraclePoint[];
}

/** What a repair came to. */
export interface OracleRepaired {
  /** Accepted, duplicates among them. */
  readonly taken: number;
  readonly duplicates: number;
  readonly tooFar: number;
}

/** A row as it is, or would be, in the table; `windowMs` is the right edge. */
export interface OracleOpenRow extends Labels {
  readonly resolutionMs: number;
  readonly windowMs: number;
  readonly id: string;
  readonly count: bigint;
  readonly sum: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly firstMs: number;
  readonly firstValue: bigint;
  readonly lastMs: number;
  readonly lastValue: bigint;
  readonly increase: bigint;
  readonly resets: bigint;
  /** [bucket, count], ascending, and the estimates; where the rules have quantiles. */
  readonly sketch?: readonly (readonly [bucket: number, count: bigint])[];
  readonly estimates?: readonly number[];
}

export interface OracleRow extends OracleOpenRow {
  /** The batch that published it. */
  readonly batch: number;
}

export interface RefusedPoint {
  readonly batch: number;
  readonly point: OraclePoint;
}

export interface OracleRollup {
  /** Published so far, by resolution, window, id. */
  readonly rows: readonly OracleRow[];
  /** Windows not yet closed, in the same order. */
  readonly open: readonly OracleOpenRow[];
  /** Both in ingest order. */
  readonly tooLate: readonly RefusedPoint[];
  readonly tooFar: readonly RefusedPoint[];
  /** One number per batch. */
  readonly duplicates: readonly number[];
  /** One per repair. */
  readonly repaired: readonly OracleRepaired[];
  /** Every series' accepted points, one per time, by time. */
  readonly accepted: ReadonlyMap<string, readonly Accepted[]>;
  /** C after the last batch; undefined while nothing has closed. */
  readonly closedThroughMs: number | undefined;
}

export interface Labels {
  readonly orgId: string | null;
  readonly metric: string | null;
  readonly shardId: number;
}

export interface Accepted {
  readonly point: OraclePoint;
  readonly labels: Labels;
}

/** @example rightEdge(-1, 60) // 0 */
export function rightEdge(timeMs: number, resolutionMs: number): number {
  const over = timeMs % resolutionMs;
  return timeMs - over + (over > 0 ? resolutionMs : 0);
}

/** @param batches in their order */
export function rollupOracle(rules: RollupRules, batches: readonly OracleBatch[]): OracleRollup {
  const base = rules.resolutionsMs.reduce(greatestCommonDivisor);
  const series = new Map<string, Accepted[]>();
  const tooLate: RefusedPoint[] = [];
  const tooFar: RefusedPoint[] = [];
  const duplicates: number[] = [];
  const repaired: OracleRepaired[] = [];
  const waiting = new Set<RefusedPoint>();
  const closings: { readonly batch: number; readonly throughMs: number }[] = [];
  for (const batch of batches) {
    const closedMs = closings.at(-1)?.throughMs ?? Number.NEGATIVE_INFINITY;
    const watermarkMs = rules.startMs + (batch.batch + 1) * rules.batchMs;
    let repeated = 0;
    for (const point of inIngestOrder(batch)) {
      if (rightEdge(point.timeMs, base) <= closedMs) {
        const refused = { batch: batch.batch, point };
        tooLate.push(refused);
        waiting.add(refused);
      } else if (rules.maxFutureMs !== undefined && point.timeMs > watermarkMs + rules.maxFutureMs)
        tooFar.push({ batch: batch.batch, point });
      else {
        const before = series.get(point.id) ?? [];
        if (before.some((other) => other.point.timeMs === point.timeMs)) repeated += 1;
        series.set(point.id, before);
        before.push({ point, labels: labelsOf(rules, before, point, closedMs) });
      }
    }
    duplicates.push(repeated);
    let throughMs = closedMs;
    if (rules.latenessMs !== undefined)
      throughMs = Math.max(throughMs, leftEdge(watermarkMs - rules.latenessMs, base));
    if (batch.flush) {
      for (const { point } of [...series.values()].flat())
        for (const resolution of rules.resolutionsMs)
          throughMs = Math.max(throughMs, rightEdge(point.timeMs, resolution));
    }
    closings.push({ batch: batch.batch, throughMs });
    for (const { lateFrom, points } of batch.repairs ?? []) {
      const late = [...waiting].filter((one) => lateFrom !== undefined && one.batch >= lateFrom);
      for (const one of late) waiting.delete(one);
      const all = [...late.map(({ point }) => point), ...points];
      const taken = all.filter(
        ({ timeMs }) => rules.maxFutureMs === undefined || timeMs <= watermarkMs + rules.maxFutureMs,
      );
      const repeats = acceptLast(rules, series, taken, throughMs);
      repaired.push({ taken: taken.length, duplicates: repeats, tooFar: all.length - taken.length });
    }
  }

  const rows: OracleRow[] = [];
  const open: OracleOpenRow[] = [];
  for (const row of rowsOf(rules, series)) {
    const closing = closings.find(({ throughMs }) => row.windowMs <= throughMs);
    if (closing === undefined) open.push(row);
    else rows.push({ ...row, batch: closing.batch });
  }
  const closedThroughMs = closings.at(-1)?.throughMs;
  return {
    rows,
    open,
    tooLate,
    tooFar,
    duplicates,
    repaired,
    accepted: new Map([...series].map(([id, ofSeries]) => [id, withoutDuplicates(rules, ofSeries)])),
    closedThroughMs: closedThroughMs === Number.NEGATIVE_INFINITY ? undefined : closedThroughMs,
  };
}

/** The points of one repair. Returns how many of them are duplicates. */
function acceptLast(
  rules: RollupRules,
  series: Map<string, Accepted[]>,
  points: readonly OraclePoint[],
  closedMs: number,
): number {
  let repeated = 0;
  for (const [id, ofSeries] of Map.groupBy(points, (point) => point.id)) {
    const before = series.get(id) ?? [];
    series.set(id, before);
    const earliest = ofSeries.reduce((a, b) => (b.timeMs < a.timeMs ? b : a));
    const labels = labelsOf(rules, before, earliest, closedMs);
    for (const point of ofSeries) {
      if (before.some((other) => other.point.timeMs === point.timeMs)) repeated += 1;
      before.push({ point, labels });
    }
  }
  return repeated;
}

function inIngestOrder(batch: OracleBatch): readonly OraclePoint[] {
  return batch.files
    .toSorted(
      (a, b) => a.arrivedMs - b.arrivedMs || compareText(a.key, b.key) || compareText(a.version, b.version),
    )
    .flatMap((file) => file.points);
}

/** @param before the series' accepted points up to here; `closedMs` is C after the batch before the point's */
function labelsOf(
  rules: RollupRules,
  before: readonly Accepted[],
  point: OraclePoint,
  closedMs: number,
): Labels {
  const newestMs = Math.max(...before.map((other) => other.point.timeMs));
  const isForgotten = rules.maxGapMs !== undefined && closedMs - newestMs >= rules.maxGapMs;
  const known = isForgotten ? undefined : before.at(-1);
  return known?.labels ?? { orgId: point.orgId, metric: point.metric, shardId: point.shardId };
}

export function rowsOf(
  rules: RollupRules,
  series: ReadonlyMap<string, readonly Accepted[]>,
): readonly OracleOpenRow[] {
  const rows: OracleOpenRow[] = [];
  for (const ofSeries of series.values()) {
    const points = withoutDuplicates(rules, ofSeries);
    const changes = points.map(({ point }, index) => changeSince(rules, points[index - 1]?.point, point));
    for (const resolutionMs of rules.resolutionsMs) {
      const windows = Map.groupBy(points.keys(), (index) =>
        rightEdge(points[index]?.point.timeMs ?? 0, resolutionMs),
      );
      for (const [windowMs, indexes] of windows) {
        const inside = indexes.flatMap((index) => points[index] ?? []);
        const ofWindow = indexes.flatMap((index) => changes[index] ?? []);
        const [first, last] = [inside[0], inside.at(-1)];
        if (first === undefined || last === undefined) continue;
        const values = inside.map(({ point }) => point.value);
        rows.push({
          resolutionMs,
          windowMs,
          id: first.point.id,
          ...first.labels,
          count: BigInt(inside.length),
          sum: values.reduce((a, b) => a + b),
          min: values.reduce((a, b) => (b < a ? b : a)),
          max: values.reduce((a, b) => (b > a ? b : a)),
          firstMs: first.point.timeMs,
          firstValue: first.point.value,
          lastMs: last.point.timeMs,
          lastValue: last.point.value,
          increase: ofWindow.reduce((total, { delta }) => total + delta, 0n),
          resets: BigInt(ofWindow.filter(({ isReset }) => isReset).length),
          ...(rules.quantiles === undefined ? {} : sketchOf(values, rules.quantiles)),
        });
      }
    }
  }
  return rows.sort(
    (a, b) => a.resolutionMs - b.resolutionMs || a.windowMs - b.windowMs || compareText(a.id, b.id),
  );
}

/** One series' points, one per time, by time. */
function withoutDuplicates(rules: RollupRules, ofSeries: readonly Accepted[]): readonly Accepted[] {
  return [...Map.groupBy(ofSeries, ({ point }) => point.timeMs).values()]
    .flatMap((same) => {
      const [first, counts] = [same[0], same.at(rules.duplicates === 'first' ? 0 : -1)];
      return first === undefined || counts === undefined ? [] : [{ ...first, point: counts.point }];
    })
    .sort((a, b) => a.point.timeMs - b.point.timeMs);
}

function changeSince(
  rules: RollupRules,
  before: OraclePoint | undefined,
  point: OraclePoint,
): { readonly delta: bigint; readonly isReset: boolean } {
  if (before === undefined) return { delta: 0n, isReset: false };
  if (rules.maxGapMs !== undefined && point.timeMs - before.timeMs > rules.maxGapMs)
    return { delta: 0n, isReset: false };
  if (point.value >= before.value) return { delta: point.value - before.value, isReset: false };
  return { delta: point.value, isReset: true };
}

function leftEdge(timeMs: number, resolutionMs: number): number {
  const edge = rightEdge(timeMs, resolutionMs);
  return edge > timeMs ? edge - resolutionMs : edge;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
