import type { SummaryConfig } from '../config/schema.ts';
import { glueSettings } from '../config/spark.ts';
import { engineModel } from '../engine/engine-model.ts';
import { chooseEngine } from '../run/choose-engine.ts';
import { type Route, routeUnit } from '../run/route-unit.ts';
import { sparkUnitBytes } from '../run/spark-capacity.ts';
import { needsOf, roomOf } from './apply-needs.ts';
import type { PlannedResolve } from './plan.ts';
import { groupBytes, pack } from './plan-groups.ts';
import type { ApplyGroup, SummaryContext } from './types.ts';

/** A unit of `apply` with the engine that runs it. */
export interface RoutedGroups {
  readonly route: Route;
  /** For Spark one group for each cell. */
  readonly groups: readonly ApplyGroup[];
}

/**
 * Gives each unit its engine. Units for a cluster are then put together until each is some minutes of its work; the others stay
 * as they were cut.
 */
export function routeUnits(
  context: SummaryContext,
  units: readonly (readonly ApplyGroup[])[],
): readonly RoutedGroups[] {
  const { config, world } = context;
  const model = engineModel();
  const room = roomOf(context);
  const { engine, sparkAbove } = config.work;
  const routed = units.map((groups) => ({
    route: routeUnit({ engine, sparkAbove }, needsOf(model, config, groups), room),
    groups,
  }));
  const ours = routed.filter(({ route }) => route.engine === 'duckdb');
  const theirs = routed.filter(({ route }) => route.engine === 'spark');
  if (world.spark !== 'glue')
    return routed.map(({ route, groups }) => ({
      route,
      groups: route.engine === 'spark' ? wholeCells(groups) : groups,
    }));
  const larger = [...Map.groupBy(theirs, ({ route }) => route.cause).values()].flatMap((some) =>
    pack(
      some.flatMap(({ route, groups }) => wholeCells(groups).map((group) => ({ route, group }))),
      ({ group }) => groupBytes(group),
      sparkUnitBytes(glueSettings(config), model),
    ).flatMap((packed) => {
      const [first] = packed;
      return first === undefined ? [] : [{ route: first.route, groups: packed.map(({ group }) => group) }];
    }),
  );
  return [...ours, ...larger];
}

/** What the specification of a unit of `resolve` says about its engine. */
export function forResolve(config: SummaryConfig, unit: PlannedResolve): PlannedResolve {
  const { engine } = chooseEngine(config, unit.bytes);
  return engine === 'spark' ? { ...unit, specification: { ...unit.specification, engine } } : unit;
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
