import type { SummaryConfig } from '../config/schema.ts';
import { parseByteSize } from '../config/sizes.ts';
import type { PlannedResolve } from './plan.ts';
import type { ApplyGroup, ApplySpec } from './types.ts';

export interface ChosenEngine {
  readonly engine: 'duckdb' | 'spark';
  readonly reason: string;
}

/** Which engine runs a unit of `apply`, by the configuration and the bytes of its files. */
export function chooseEngine({ work }: Pick<SummaryConfig, 'work'>, unitBytes: number): ChosenEngine {
  const { engine, sparkAbove } = work;
  if (engine !== 'auto') return { engine, reason: 'configured' };
  if (sparkAbove === undefined) return { engine: 'duckdb', reason: 'work.sparkAbove is not set' };
  return unitBytes > parseByteSize(sparkAbove)
    ? { engine: 'spark', reason: `above work.sparkAbove (${sparkAbove})` }
    : { engine: 'duckdb', reason: `not above work.sparkAbove (${sparkAbove})` };
}

/** Whether any unit can be Spark's. */
export function mayUseSpark({ work }: Pick<SummaryConfig, 'work'>): boolean {
  return work.engine === 'spark' || (work.engine === 'auto' && work.sparkAbove !== undefined);
}

/** What the specification of a unit says about its engine. */
export function forEngine(
  engine: ChosenEngine['engine'],
  groups: readonly ApplyGroup[],
): Pick<ApplySpec, 'engine' | 'groups'> {
  return engine === 'spark' ? { engine, groups: wholeCells(groups) } : { groups };
}

/** The same for a unit of `resolve`. */
export function forResolve(engine: ChosenEngine['engine'], unit: PlannedResolve): PlannedResolve {
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
