import type { RollupConfig } from '../../config/schema.ts';
import { type DeadlinePlan, movedRoute } from '../../run/engines/deadline.ts';
import type { RoutedUnit } from '../../run/engines/engine-facts.ts';
import { routeUnit, type UnitRoom } from '../../run/engines/route-unit.ts';
import { needsOf } from '../../run/engines/unit-load.ts';
import type { PlannedUnit } from '../../run/units/stages.ts';
import { sketchShape } from '../sketch/sketch.ts';
import type { RollupState, StateFile, StateFiles } from '../state/state.ts';
import type { PointSource, RollupSpec } from '../types.ts';
import { unitBytes } from './part-range.ts';
import { rollupLoad } from './unit-load.ts';

interface UnitsOptions {
  readonly config: RollupConfig;
  readonly threads: number;
  /** For a unit; undefined where none can be Spark's. */
  readonly room: UnitRoom | undefined;
  /** Gives units to Spark that would have stayed. */
  readonly deadline?: DeadlinePlan | undefined;
  readonly sources: readonly PointSource[];
  readonly state: RollupState | undefined;
  readonly common: Omit<
    RollupSpec,
    'firstPart' | 'lastPart' | 'points' | 'refused' | 'hot' | 'tails' | 'part'
  >;
}

export interface PlannedUnits {
  readonly units: readonly PlannedUnit[];
  /** Who runs those that have something to compute. */
  readonly routed: readonly RoutedUnit[];
  /** Files of parts with nothing new: they go into the next state as they are. */
  readonly carried: StateFiles;
}

/** Fewer points than this are not worth a second unit. */
const leastUnitPoints = 500_000;

/** Neighbouring parts make a unit, so that each has about as many points, and no more than the configuration says. */
export function planUnits(options: UnitsOptions): PlannedUnits {
  const { config, threads, room, deadline, sources, state, common } = options;
  const points = sumsPerPart(sources, common.parts, 1);
  const refused = sumsPerPart(sources, common.parts, 2);
  const hotRows = (state?.hot ?? []).reduce((sum, file) => sum + file.rows, 0);
  const total = points.reduce((sum, one) => sum + one, hotRows);
  const wanted = Math.max(
    Math.ceil(total / mostPoints(config)),
    Math.min(threads, Math.floor(total / leastUnitPoints)),
    1,
  );
  const ranges = divide(
    points.map((one) => one + hotRows / common.parts),
    Math.min(roundUp(wanted, threads), common.parts),
  );
  const units: PlannedUnit[] = [];
  const routed: RoutedUnit[] = [];
  const carried = { hot: [] as StateFile[], tails: [] as StateFile[], part: [] as StateFile[] };
  for (const [firstPart, lastPart] of ranges) {
    const inside = (files: readonly StateFile[]) =>
      files.filter((file) => file.firstPart <= lastPart && file.lastPart >= firstPart);
    const own = points.slice(firstPart, lastPart + 1).reduce((sum, one) => sum + one, 0);
    const tails = inside(state?.tails ?? []);
    const hot = inside(state?.hot ?? []);
    const part = inside(state?.part ?? []);
    const isUntouched = own === 0 && hot.length + part.length === 0;
    const isOwn = tails.every((file) => file.firstPart >= firstPart && file.lastPart <= lastPart);
    if (isUntouched && isOwn && ranges.length > 1) {
      carried.tails.push(...tails);
      continue;
    }
    const unit = { ...common, firstPart, lastPart, hot, tails, part, points: own };
    const load = rollupLoad(config, unit, unitBytes(sources, unit));
    const route = movedRoute(deadline, load.stage, routeUnit(config.work, needsOf(load), room));
    // Without points there is nothing to compute but which tails live on.
    if (!isUntouched) routed.push({ route, load });
    const specification: RollupSpec = {
      ...unit,
      ...(route.engine === 'spark' && !isUntouched ? { engine: route.engine } : {}),
      refused: refused.slice(firstPart, lastPart + 1).reduce((sum, one) => sum + one, 0),
    };
    units.push({
      label: `p${String(firstPart).padStart(4, '0')}`,
      rows: own,
      bytes: [...hot, ...tails, ...part].reduce((sum, file) => sum + file.sizeBytes, 0),
      specification,
    });
  }
  return { units, routed, carried };
}

/** Sketches take about as much memory as all else, in the worst case that no two values of a window share a bucket. */
function mostPoints({ work, quantiles }: RollupConfig): number {
  return sketchShape({ quantiles }) === undefined ? work.unitPoints : Math.ceil(work.unitPoints / 2);
}

/** Per part: its points (1), or those of them that are refused for their time (2). */
function sumsPerPart(sources: readonly PointSource[], parts: number, what: 1 | 2): readonly number[] {
  const sums = new Array<number>(parts).fill(0);
  for (const source of sources)
    for (const counts of source.parts) sums[counts[0]] = (sums[counts[0]] ?? 0) + counts[what];
  return sums;
}

/** Several rounds of the workers rather than one and a bit. */
function roundUp(units: number, threads: number): number {
  return units <= 1 ? units : Math.ceil(units / threads) * threads;
}

/** Cuts the parts into at most `count` ranges of about the same weight. */
function divide(
  weights: readonly number[],
  count: number,
): readonly (readonly [first: number, last: number])[] {
  const total = weights.reduce((sum, one) => sum + one, 0);
  const ranges: (readonly [number, number])[] = [];
  let first = 0;
  let passed = 0;
  weights.forEach((weight, index) => {
    passed += weight;
    const isLast = index === weights.length - 1;
    const isFull = passed >= (total * (ranges.length + 1)) / count;
    if (!isLast && !(isFull && ranges.length < count - 1)) return;
    ranges.push([first, index]);
    first = index + 1;
  });
  return ranges;
}
