import {
  type Accepted,
  type OracleOpenRow,
  type OracleRollup,
  type RollupRules,
  rightEdge,
  rowsOf,
} from './rollup-oracle.ts';

/** A point as a state has it, under its series' labels. */
export interface StatePoint {
  readonly id: string;
  readonly timeMs: number;
  readonly value: bigint;
  readonly orgId: string | null;
  readonly metric: string | null;
  readonly shardId: number;
}

/** What the state must be, from all accepted points at once; each sorted by id and time or by resolution, window and id. */
export interface OracleState {
  readonly hot: readonly StatePoint[];
  readonly tails: readonly StatePoint[];
  readonly part: readonly OracleOpenRow[];
}

export function stateOf(rules: RollupRules, { accepted, closedThroughMs }: OracleRollup): OracleState {
  const base = rules.resolutionsMs.reduce(greatestCommonDivisor);
  const closedMs = closedThroughMs ?? Number.NEGATIVE_INFINITY;
  const isClosed = ({ point }: Accepted) => rightEdge(point.timeMs, base) <= closedMs;
  const closed = new Map([...accepted].map(([id, points]) => [id, points.filter(isClosed)]));
  const isAlive = ({ point }: Accepted) =>
    closedMs - point.timeMs < (rules.maxGapMs ?? Number.POSITIVE_INFINITY);
  return {
    hot: [...accepted.values()]
      .flatMap((points) => points.filter((one) => !isClosed(one)).map(statePoint))
      .sort(byId),
    tails: [...closed.values()]
      .flatMap((points) => points.at(-1) ?? [])
      .filter(isAlive)
      .map(statePoint)
      .sort(byId),
    part: rowsOf(rules, closed).filter((row) => row.windowMs > closedMs),
  };
}

function statePoint({ point, labels }: Accepted): StatePoint {
  const { id, timeMs, value } = point;
  return { id, timeMs, value, ...labels };
}

function byId(a: StatePoint, b: StatePoint): number {
  return Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)) || a.timeMs - b.timeMs;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
