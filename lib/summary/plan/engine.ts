import type { SummaryConfig } from '../../config/schema.ts';
import { glueSettings } from '../../config/spark.ts';
import {
  type DeadlinePlan,
  movedRoute,
  planDeadline,
  secondsSinceStart,
} from '../../run/engines/deadline.ts';
import type { RoutedUnit } from '../../run/engines/engine-facts.ts';
import { routeUnit } from '../../run/engines/route-unit.ts';
import { coreSeconds, needsOf, roomFor } from '../../run/engines/unit-load.ts';
import { localUnitSeconds, sparkUnitSeconds } from '../../run/spark/capacity.ts';
import type { ApplyGroup, Strategy, SummaryContext } from '../types.ts';
import { pack } from './groups.ts';
import type { PlannedResolve } from './plan.ts';
import { applyLoad, resolveLoad } from './unit-loads.ts';

/** A unit of `apply` with the engine that runs it. */
export interface RoutedGroups extends RoutedUnit {
  /** For Spark one group for each cell. */
  readonly groups: readonly ApplyGroup[];
}

export interface RoutedPlan {
  readonly resolve: readonly RoutedResolve[];
  readonly apply: readonly RoutedGroups[];
  readonly deadline: DeadlinePlan | undefined;
}

interface PlanUnits {
  readonly strategy: Strategy;
  /** Of a partitionwise run. */
  readonly resolve: readonly PlannedResolve[];
  /** Lists of units that are not put together with those of another list. */
  readonly apply: readonly (readonly (readonly ApplyGroup[])[])[];
}

/**
 * Gives all units of a run their engines; where that takes longer than the run may, as the deadline wants them. A unified run is DuckDB's: what
 * its units of `apply` would do is done by those of `resolve`.
 */
export async function routePlan(context: SummaryContext, units: PlanUnits): Promise<RoutedPlan> {
  const isUnified = units.strategy === 'unified';
  const route = (deadline?: DeadlinePlan) => ({
    resolve: routeResolves(context, units.resolve, deadline),
    apply: units.apply.flatMap((some) =>
      isUnified ? unifiedUnits(context, some) : routeUnits(context, some, deadline),
    ),
  });
  const routed = route();
  const deadline = planDeadline(context, {
    routed: [...routed.resolve, ...routed.apply],
    mayMove: !isUnified && context.world.spark !== undefined,
    passedSeconds: await secondsSinceStart(context),
  });
  const isMoved = deadline !== undefined && deadline.moved.length > 0;
  return { ...(isMoved ? route(deadline) : routed), deadline };
}

function unifiedUnits(
  { config }: SummaryContext,
  units: readonly (readonly ApplyGroup[])[],
): readonly RoutedGroups[] {
  const route = { engine: 'duckdb', cause: 'fits', reason: 'the run is unified' } as const;
  return units.map((groups) => routedCells(config, route, groups));
}

/**
 * Gives each unit its engine. Units for Spark are then put together until each is some minutes of its work; the others stay
 * as they were cut.
 */
export function routeUnits(
  context: SummaryContext,
  units: readonly (readonly ApplyGroup[])[],
  deadline?: DeadlinePlan,
): readonly RoutedGroups[] {
  const { config, world } = context;
  const room = roomFor(context);
  const routed = units.map((groups): RoutedGroups => {
    const load = applyLoad(config, { groups });
    const route = movedRoute(deadline, load.stage, routeUnit(config.work, needsOf(load), room));
    return route.engine === 'spark'
      ? routedCells(config, route, wholeCells(groups))
      : { route, load, groups };
  });
  const ours = routed.filter(({ route }) => route.engine === 'duckdb');
  const theirs = routed.filter(({ route }) => route.engine === 'spark');
  const limitSeconds =
    world.spark === 'glue'
      ? sparkUnitSeconds(glueSettings(config))
      : localUnitSeconds(world.resources.threads);
  const larger = [...Map.groupBy(theirs, ({ route }) => route.cause).values()].flatMap((some) =>
    pack(
      some.flatMap(({ route, groups }) => groups.map((group) => routedCells(config, route, [group]))),
      ({ load }) => coreSeconds([load], 'spark'),
      limitSeconds,
    ).flatMap((packed) => {
      const [first] = packed;
      if (first === undefined) return [];
      return [
        routedCells(
          config,
          first.route,
          packed.flatMap(({ groups }) => groups),
        ),
      ];
    }),
  );
  return [...ours, ...larger];
}

function routedCells(
  config: SummaryConfig,
  route: RoutedGroups['route'],
  groups: readonly ApplyGroup[],
): RoutedGroups {
  return { route, load: applyLoad(config, { groups }), groups };
}

/** A unit of `resolve` with the engine that runs it, which its specification says, too. */
interface RoutedResolve extends RoutedUnit {
  readonly unit: PlannedResolve;
}

function routeResolves(
  context: SummaryContext,
  units: readonly PlannedResolve[],
  deadline?: DeadlinePlan,
): readonly RoutedResolve[] {
  const { config } = context;
  const room = roomFor(context);
  return units.map((unit) => {
    const load = resolveLoad(config, unit.specification);
    const route = movedRoute(deadline, load.stage, routeUnit(config.work, needsOf(load), room));
    const { engine } = route;
    return {
      route,
      load,
      unit: engine === 'spark' ? { ...unit, specification: { ...unit.specification, engine } } : unit,
    };
  });
}

/** One group for each cell; copied when one of its groups is. */
export function wholeCells(groups: readonly ApplyGroup[]): readonly ApplyGroup[] {
  const cells = Map.groupBy(groups, ({ bucket, month }) => `${bucket}/${month}`);
  return [...cells.values()].flatMap((some) => {
    const chosen = some.find(({ mode }) => mode === 'copy-on-write') ?? some[0];
    if (chosen === undefined) return [];
    return [
      {
        ...chosen,
        files: some.flatMap(({ files }) => files),
        expectedRows: some.reduce((sum, { expectedRows }) => sum + expectedRows, 0),
      },
    ];
  });
}
