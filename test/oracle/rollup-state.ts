import {
  type OracleBatch,
  type OracleOpenRow,
  type OraclePoint,
  type OracleRow,
  type RollupRules,
  rightEdge,
} from './rollup-oracle.ts';

/**
 * The rollups batch by batch, from nothing but the state that a batch leaves: what the oracle knows from all points,
 * this knows from hot points, tails and parts. It shows that the state is enough, and what each piece must carry.
 */
export interface State {
  /** C; minus infinity while nothing has closed. */
  readonly closedMs: number;
  /** Points of open base windows, one per (id, time), under their series' fixed labels, whatever their own were. */
  readonly hot: readonly OraclePoint[];
  /** By id: the last closed point, under the same labels. */
  readonly tails: ReadonlyMap<string, OraclePoint>;
  /** Rows of open windows over closed points. */
  readonly parts: readonly OracleOpenRow[];
}

export const emptyState: State = {
  closedMs: Number.NEGATIVE_INFINITY,
  hot: [],
  tails: new Map(),
  parts: [],
};

export interface Step {
  readonly state: State;
  readonly published: readonly OracleRow[];
}

/** @param base the finest window */
export function stepOf(rules: RollupRules, base: number, before: State, batch: OracleBatch): Step {
  const watermarkMs = rules.startMs + (batch.batch + 1) * rules.batchMs;
  const hot = new Map(before.hot.map((point) => [`${point.timeMs} ${point.id}`, point]));
  const known = new Map([...before.hot, ...before.tails.values()].map((point) => [point.id, point]));
  for (const point of ingested(batch)) {
    if (rightEdge(point.timeMs, base) <= before.closedMs) continue;
    if (point.timeMs > watermarkMs + (rules.maxFutureMs ?? Number.POSITIVE_INFINITY)) continue;
    const slot = `${point.timeMs} ${point.id}`;
    const { orgId, metric, shardId } = known.get(point.id) ?? point;
    const labelled = { ...point, orgId, metric, shardId };
    known.set(point.id, labelled);
    if (rules.duplicates === 'last' || !hot.has(slot)) hot.set(slot, labelled);
  }

  let closedMs = before.closedMs;
  if (rules.latenessMs !== undefined) {
    const limit = watermarkMs - rules.latenessMs;
    const edge = rightEdge(limit, base);
    closedMs = Math.max(closedMs, edge > limit ? edge - base : edge);
  }
  if (batch.flush) {
    const windows = [...hot.values()].flatMap((point) =>
      rules.resolutionsMs.map((resolutionMs) => rightEdge(point.timeMs, resolutionMs)),
    );
    closedMs = Math.max(closedMs, ...windows, ...before.parts.map((row) => row.windowMs));
  }

  const isClosing = (point: OraclePoint) => rightEdge(point.timeMs, base) <= closedMs;
  const closing = [...hot.values()].filter(isClosing);
  const rows = merge([...before.parts, ...rowsOf(rules, before.tails, closing)]);
  const tails = new Map(before.tails);
  for (const point of closing.toSorted((a, b) => a.timeMs - b.timeMs)) tails.set(point.id, point);
  for (const [id, { timeMs }] of tails)
    if (closedMs - timeMs >= (rules.maxGapMs ?? Number.POSITIVE_INFINITY)) tails.delete(id);
  return {
    published: rows.filter((row) => row.windowMs <= closedMs).map((row) => ({ ...row, batch: batch.batch })),
    state: {
      closedMs,
      hot: [...hot.values()].filter((point) => !isClosing(point)),
      tails,
      parts: rows.filter((row) => row.windowMs > closedMs),
    },
  };
}

/** The provisional rows. */
export function openRows(rules: RollupRules, state: State): readonly OracleOpenRow[] {
  return merge([...state.parts, ...rowsOf(rules, state.tails, state.hot)]);
}

/** One row per point and resolution. */
function rowsOf(
  rules: RollupRules,
  tails: State['tails'],
  points: readonly OraclePoint[],
): readonly OracleOpenRow[] {
  const last = new Map(tails);
  return points
    .toSorted((a, b) => a.timeMs - b.timeMs)
    .flatMap((point) => {
      const previous = last.get(point.id);
      last.set(point.id, point);
      const isFirst =
        previous === undefined ||
        point.timeMs - previous.timeMs > (rules.maxGapMs ?? Number.POSITIVE_INFINITY);
      const isReset = !isFirst && point.value < previous.value;
      const { id, orgId, metric, shardId, value, timeMs } = point;
      return rules.resolutionsMs.map((resolutionMs) => ({
        ...{ resolutionMs, windowMs: rightEdge(timeMs, resolutionMs), id, orgId, metric, shardId },
        ...{ count: 1n, sum: value, min: value, max: value },
        ...{ firstMs: timeMs, firstValue: value, lastMs: timeMs, lastValue: value },
        increase: isFirst ? 0n : isReset ? value : value - previous.value,
        resets: isReset ? 1n : 0n,
      }));
    });
}

/** Rows of one window become one, in any order; the labels are those of the earlier first point. */
function merge(rows: readonly OracleOpenRow[]): readonly OracleOpenRow[] {
  const merged = new Map<string, OracleOpenRow>();
  for (const row of rows) {
    const slot = `${row.resolutionMs} ${row.windowMs} ${row.id}`;
    const other = merged.get(slot);
    merged.set(slot, other === undefined ? row : mergeTwo(row, other));
  }
  return [...merged.values()];
}

function mergeTwo(a: OracleOpenRow, b: OracleOpenRow): OracleOpenRow {
  const [first, last] = [a.firstMs < b.firstMs ? a : b, a.lastMs > b.lastMs ? a : b];
  return {
    ...first,
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: a.min < b.min ? a.min : b.min,
    max: a.max > b.max ? a.max : b.max,
    lastMs: last.lastMs,
    lastValue: last.lastValue,
    increase: a.increase + b.increase,
    resets: a.resets + b.resets,
  };
}

function ingested(batch: OracleBatch): readonly OraclePoint[] {
  return batch.files
    .toSorted(
      (a, b) =>
        a.arrivedMs - b.arrivedMs ||
        Buffer.compare(Buffer.from(`${a.key}\0${a.version}`), Buffer.from(`${b.key}\0${b.version}`)),
    )
    .flatMap(({ points }) => points);
}
