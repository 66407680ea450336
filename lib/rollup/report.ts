import type { Lateness, PointCounts, RollupOutcome, RollupPlanFacts, WindowCounts } from './types.ts';

/** What a batch came to, for people: kept in the run's facts, bounded. */
export interface RollupReport {
  readonly batch: number;
  readonly watermarkMs: number;
  readonly closedThroughMs: number | null;
  readonly flush: boolean;
  readonly points: PointCounts;
  readonly windows: readonly WindowCounts[];
  readonly lateness: Lateness;
  readonly state: {
    readonly digest: string;
    readonly bytes: number;
    readonly hot: number;
    readonly tails: number;
    readonly part: number;
  };
  /** Milliseconds of all units together. */
  readonly times: RollupOutcome['times'];
  /** Points of the largest unit against those of an average one. */
  readonly skew: number;
  readonly deadLetters: readonly string[];
}

/** Files that are named at most. */
const namedFiles = 20;

export function reportOf(
  facts: RollupPlanFacts,
  outcomes: readonly RollupOutcome[],
  digest: string,
): RollupReport {
  const sum = (of: (outcome: RollupOutcome) => number) => outcomes.reduce((total, one) => total + of(one), 0);
  const rows = (kind: 'hot' | 'tails' | 'part') =>
    sum((one) => one.state[kind].reduce((total, file) => total + file.rows, 0)) +
    facts.carried[kind].reduce((total, file) => total + file.rows, 0);
  const files = [
    ...outcomes.flatMap(({ state }) => [...state.hot, ...state.tails, ...state.part]),
    ...facts.carried.tails,
  ];
  const largest = outcomes.reduce((most, one) => Math.max(most, one.points.arrived), 0);
  const arrived = sum((one) => one.points.arrived);
  return {
    batch: facts.batch,
    watermarkMs: facts.watermarkMs,
    closedThroughMs: facts.closedAfterMs,
    flush: facts.flush,
    points: {
      arrived,
      tooLate: sum((one) => one.points.tooLate),
      tooFar: sum((one) => one.points.tooFar),
      duplicates: sum((one) => one.points.duplicates),
      hotBefore: sum((one) => one.points.hotBefore),
      hotAfter: sum((one) => one.points.hotAfter),
      closed: sum((one) => one.points.closed),
      resets: sum((one) => one.points.resets),
      series: sum((one) => one.points.series),
      largestSeries: outcomes.reduce((most, one) => Math.max(most, one.points.largestSeries), 0),
    },
    windows: mergeWindows(outcomes),
    lateness: facts.lateness,
    state: {
      digest,
      bytes: files.reduce((total, file) => total + file.sizeBytes, 0),
      hot: rows('hot'),
      tails: rows('tails'),
      part: rows('part'),
    },
    times: {
      compute: sum((one) => one.times.compute),
      partial: sum((one) => one.times.partial),
      append: sum((one) => one.times.append),
    },
    skew: arrived === 0 ? 1 : largest / (arrived / outcomes.length),
    deadLetters: outcomes.flatMap((one) => one.deadLetters ?? []).slice(0, namedFiles),
  };
}

function mergeWindows(outcomes: readonly RollupOutcome[]): readonly WindowCounts[] {
  const merged = new Map<number, WindowCounts>();
  for (const { resolutionMs, closed, open } of outcomes.flatMap((one) => one.windows)) {
    const before = merged.get(resolutionMs);
    merged.set(resolutionMs, {
      resolutionMs,
      closed: closed + (before?.closed ?? 0),
      open: open + (before?.open ?? 0),
    });
  }
  return [...merged.values()];
}
