import type { SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import { rowBytes } from '../tables/buckets.ts';
import type { ApplyGroup, Strategy } from '../types.ts';
import type { PlannedResolve } from './plan.ts';

/** Above so many bytes of touched files, reading them once per run outweighs the second stage's overhead. */
const unifiedTouchedBytes = 4e6;
/** Gathered rows exist several times over in memory: as stored, as values, as lines, as new rows. */
const gatheredCopies = 6;

export interface ChosenStrategy {
  readonly strategy: Strategy;
  readonly reason: string;
}

/** By the configuration, else by the bytes of the touched files and the memory that gathering would take. */
export function chooseStrategy(
  config: SummaryConfig,
  units: readonly PlannedResolve[],
  groups: readonly ApplyGroup[],
): ChosenStrategy {
  const { strategy, partitionwiseAbove, memory, engine } = config.work;
  if (engine === 'spark' && strategy !== 'partitionwise') {
    const reason = strategy === 'auto' ? '' : `, and work.strategy ${strategy} is DuckDB's alone`;
    return { strategy: 'partitionwise', reason: `work.engine is spark${reason}` };
  }
  if (strategy !== 'auto') return { strategy, reason: 'configured' };
  if (partitionwiseAbove !== undefined) {
    const late = units.reduce((sum, unit) => sum + lateRecords(unit), 0);
    const over = late > partitionwiseAbove;
    return {
      strategy: over ? 'partitionwise' : 'unified',
      reason: `${late} records for months up to the newest stored one, ${over ? 'more' : 'not more'} than partitionwiseAbove (${partitionwiseAbove})`,
    };
  }
  if (groups.length === 0) return { strategy: 'partitionwise', reason: 'no stored row can change' };
  const touched = groups.reduce(
    (sum, group) => sum + group.files.reduce((a, file) => a + file.sizeBytes, 0),
    0,
  );
  if (touched > unifiedTouchedBytes) {
    return {
      strategy: 'partitionwise',
      reason: `${megabytes(touched)} of touched files, each read once per run`,
    };
  }
  const gathered = Math.max(...units.map((unit) => gatheredBytes(config, unit)));
  if (gathered > parseByteSize(memory) / 4) {
    return { strategy: 'partitionwise', reason: `gathering would take ${megabytes(gathered)} of memory` };
  }
  return {
    strategy: 'unified',
    reason: `${megabytes(touched)} of touched files: one stage is quicker than two`,
  };
}

function lateRecords({ specification }: PlannedResolve): number {
  const newest = specification.summary.at(-1)?.month ?? 0;
  return specification.months.reduce((sum, [month, rows]) => sum + (month <= newest ? rows : 0), 0);
}

/** Memory for all stored rows of the unit's keys: at most as many keys as records, each in every stored month. */
function gatheredBytes(config: SummaryConfig, { specification, rows }: PlannedResolve): number {
  const stored = specification.summary.reduce((sum, file) => sum + file.rows, 0);
  const months = new Set(specification.summary.map((file) => file.month)).size;
  const values = config.history.length * 8 * config.historyLength;
  return Math.min(stored, rows * months) * (rowBytes(config) + values) * gatheredCopies;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
