import type { RowShape } from '../summary/plan/cost-model.ts';
import type { Assumptions, TableStatistics } from './assumptions.ts';
import { type CostItem, type RunCost, runCost, storageItems } from './run-cost.ts';
import { summaryRun } from './stages.ts';
import type { SummaryVolume } from './summary-volume.ts';

export interface Simulation {
  readonly cost: RunCost;
  readonly volume: SummaryVolume;
  readonly storage: readonly CostItem[];
  readonly warnings: readonly string[];
}

/** Lambda's own limit; a unit near it would have to be split. */
const longestUnitSeconds = 600;

/** Prices and times a run of the summary workload from the table's statistics alone. */
export function simulateSummary(table: TableStatistics, assumed: Assumptions, row: RowShape): Simulation {
  const { volume, stages } = summaryRun(table, assumed, row);
  const cost = runCost(stages, assumed);
  const added = stages.find(({ name }) => name === 'apply')?.bytesWritten ?? 0;
  return {
    cost,
    volume,
    storage: storageItems(table.rows * assumed.rowBytes, added),
    warnings: [
      ...cost.stages
        .filter(({ unitSeconds }) => unitSeconds > longestUnitSeconds)
        .map(
          ({ name, unitSeconds }) =>
            `a unit of ${name} would take ${Math.round(unitSeconds)} s; Lambda ends at 900 s: raise memory or lower the unit's bytes`,
        ),
    ],
  };
}

export interface Sensitivity {
  readonly what: string;
  readonly usd: number;
  readonly wallSeconds: number;
}

/** The result with one assumption changed at a time, the ones that matter. */
export function sensitivity(
  table: TableStatistics,
  assumed: Assumptions,
  row: RowShape,
): readonly Sensitivity[] {
  const half = { ...row, cpuSeconds: row.cpuSeconds / 2 };
  const double = { ...row, cpuSeconds: row.cpuSeconds * 2 };
  const cases: readonly (readonly [string, TableStatistics, Assumptions, RowShape])[] = [
    ['code twice as fast', table, assumed, half],
    ['code half as fast', table, assumed, double],
    [
      'network twice as fast',
      table,
      { ...assumed, networkBytesPerSecond: assumed.networkBytesPerSecond * 2 },
      row,
    ],
    [
      'network half as fast',
      table,
      { ...assumed, networkBytesPerSecond: assumed.networkBytesPerSecond / 2 },
      row,
    ],
    ['twice the units at a time', table, { ...assumed, concurrency: assumed.concurrency * 2 }, row],
    ['every file copied whole', table, { ...assumed, maxDeadFraction: -1 }, row],
    ['one record per key', { ...table, recordsPerKey: 1 }, assumed, row],
    ['all records for one month', { ...table, recordMonths: 1 }, assumed, row],
    ['rows half as wide', table, { ...assumed, rowBytes: assumed.rowBytes / 2 }, row],
  ];
  return cases.map(([what, some, changed, shape]) => {
    const { cost } = simulateSummary(some, changed, shape);
    return { what, usd: cost.usd, wallSeconds: cost.wallSeconds };
  });
}
