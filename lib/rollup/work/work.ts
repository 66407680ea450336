import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { labelNames, rollupShape } from '../columns.ts';
import { mergeLevels } from '../levels.ts';
import { rulesOf } from '../rules.ts';
import { mergeSketches } from '../sketch/levels.ts';
import { isPoint } from '../sql/series.ts';
import { noDeadLetters, writeDeadLetters, writeState } from '../state/write-state.ts';
import type { RollupContext, RollupOutcome, RollupSpec } from '../types.ts';
import { openPoints, openState } from './inputs.ts';
import { countPoints, orderSeries } from './series.ts';
import { unitResult } from './unit-result.ts';
import { outputTable, writeWindows } from './write-windows.ts';

/**
 * Takes all series of some parts from their points to their rows and their state:
 *
 *     arriving + hot + tails -> sorted -> without duplicates, with the value before -> base windows that close
 *       -> coarser windows, with what waited of them -> rows of the closed ones | state: hot, tails, part
 */
export async function work(
  context: RollupContext,
  plan: Plan,
  item: UnitItem,
  spec: RollupSpec,
): Promise<UnitResult> {
  const rules = rulesOf(context.config);
  const shape = rollupShape(context.config);
  const labels = labelNames(shape);
  const { now } = context.world.clock;
  const started = now();
  await using session = await context.session(`rollup-${item.unit}`, { threads: 1 });
  await openPoints(context, session, spec);
  await openState(context, session, spec);
  await orderSeries(session, spec, rules, labels);
  const closed = spec.closedAfterMs === null ? 'false' : `ts <= ${spec.closedAfterMs}`;
  const closes = `${isPoint(spec)} AND ${closed}`;
  await mergeLevels(session, rules, closes);
  await mergeSketches(session, rules, shape.sketch, closes);
  const { inTime, ...counted } = await countPoints(session, spec, closed);
  const computed = now();

  const writing = { context, session, spec, rules, labels, unit: item.unit };
  const { state, newestHotMs, newestPartMs } = await writeState(writing);
  const refused = spec.refused === 0 ? noDeadLetters : await writeDeadLetters(writing);
  await session.execute('DROP TABLE ordered');
  const stated = now();

  const table = await outputTable(context, plan);
  const { change, windows } = await writeWindows({ ...writing, table });
  const { tooLate, tooFar } = refused;
  const points = { ...counted, arrived: inTime + tooLate + tooFar, tooLate, tooFar };
  const outcome: RollupOutcome = {
    changes: change === undefined ? [] : [change],
    state,
    newestHotMs,
    newestPartMs,
    points,
    windows,
    deadLetters: refused.location,
    times: { compute: computed - started, partial: stated - computed, append: now() - stated },
  };
  return unitResult(context, item, spec, outcome);
}
