import { type Route, routeUnit } from '../../run/route-unit.ts';
import { needSpark } from '../../run/spark-use.ts';
import { needsOf, roomFor } from '../../run/unit-load.ts';
import type { SummaryContext } from '../types.ts';
import { rewriteLoad } from '../unit-loads.ts';
import type { RewritePiece } from './types.ts';

/** Which engine runs the units of `rewrite`, and what was decided so far, for people. */
export interface Router {
  /** @throws SparkMissingError when the unit is Spark's and there is none */
  routeOf(pieces: readonly RewritePiece[]): Route;
  /** One line; none where no unit is Spark's. */
  lines(): readonly string[];
}

export function router(context: SummaryContext): Router {
  const { config, world } = context;
  const room = roomFor(context);
  const reasons = new Map<string, number>();
  const all = { units: 0, spark: 0 };
  return {
    routeOf(pieces) {
      const route = routeUnit(config.work, needsOf(rewriteLoad(config, pieces)), room);
      all.units += 1;
      if (route.engine === 'spark') {
        needSpark(world);
        all.spark += 1;
        reasons.set(route.reason, (reasons.get(route.reason) ?? 0) + 1);
      }
      return route;
    },
    lines() {
      const [most] = [...reasons].sort(([, a], [, b]) => b - a);
      if (most === undefined) return [];
      return [
        `engine: ${all.spark} of ${all.units} units of rewrite by Spark (${most[0]}), all else by DuckDB`,
      ];
    },
  };
}
