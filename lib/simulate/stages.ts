import {
  bytesWritten,
  cpuSeconds,
  keyPassSeconds,
  type RowShape,
  type WorkVolume,
} from '../summary/cost-model.ts';
import type { Assumptions, TableStatistics } from './assumptions.ts';
import { type StageVolume, type SummaryVolume, summaryVolume } from './summary-volume.ts';

export interface SummaryRun {
  readonly volume: SummaryVolume;
  readonly stages: readonly StageVolume[];
}

const nothing: WorkVolume = {
  units: 0,
  resolvedRows: 0,
  copiedRows: 0,
  copiedBytes: 0,
  markedRows: 0,
  changedRows: 0,
};

/** The stages of a summary run, each with the model's CPU and the bytes that cross the network. */
export function summaryRun(table: TableStatistics, assumed: Assumptions, row: RowShape): SummaryRun {
  const volume = summaryVolume(table, assumed);
  const { work, buckets, touchedRows, touchedBytes } = volume;
  const sourceBytes = table.records * assumed.sourceRowBytes;
  const resolved: WorkVolume = { ...nothing, units: buckets, resolvedRows: work.resolvedRows };
  const applied: WorkVolume = { ...work, units: work.units - buckets, resolvedRows: 0 };
  const latestBytes = (table.rows / table.months) * assumed.rowBytes;
  const keyBytes = touchedRows * keyColumnBytes;
  return {
    volume,
    stages: [
      {
        name: 'prepare',
        units: Math.max(1, Math.ceil(sourceBytes / assumed.sourceFileBytes)),
        bytesRead: sourceBytes,
        bytesWritten: sourceBytes,
        cpuSeconds: table.records / assumed.prepareRowsPerSecond,
      },
      {
        name: 'resolve',
        units: buckets,
        bytesRead: sourceBytes + latestBytes,
        bytesWritten: bytesWritten(row, resolved),
        cpuSeconds: cpuSeconds(row, resolved),
      },
      {
        name: 'apply',
        units: applied.units,
        bytesRead: touchedBytes,
        bytesWritten: bytesWritten(row, applied),
        cpuSeconds: cpuSeconds(row, applied),
      },
      {
        // Keys before and after, once each; spread over as many functions as there are buckets.
        name: 'audit',
        units: buckets,
        bytesRead: keyBytes * 2,
        bytesWritten: 0,
        cpuSeconds: keyPassSeconds(row, touchedRows * 2),
      },
    ],
  };
}

/** Key, month and the system columns of a row, compressed. */
const keyColumnBytes = 16;
