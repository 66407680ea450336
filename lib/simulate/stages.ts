import {
  bytesWritten,
  cpuSeconds,
  keyPassSeconds,
  type RowShape,
  type WorkVolume,
} from '../summary/plan/cost-model.ts';
import type { Assumptions, TableStatistics } from './assumptions.ts';
import { preparedFiles, preparedReads } from './prepared.ts';
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
  const { sourceRowBytes: rowBytes, sourceColumns: columns } = assumed;
  const records = preparedReads({ rows: table.records, rowBytes, columns, units: buckets }, assumed);
  const keyBytes = touchedRows * keyColumnBytes;
  return {
    volume,
    stages: [
      {
        name: 'prepare',
        units: preparedFiles(table.records, rowBytes, assumed),
        bytesRead: sourceBytes,
        bytesWritten: sourceBytes,
        cpuSeconds: table.records / assumed.prepareRowsPerSecond,
      },
      {
        name: 'resolve',
        units: buckets,
        bytesRead: records.bytesRead + latestBytes,
        requests: records.requests,
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
        bytesRead: keyBytes * 2 + records.bytesRead,
        requests: records.requests,
        bytesWritten: 0,
        cpuSeconds: keyPassSeconds(row, touchedRows * 2),
      },
    ],
  };
}

/** Key, month and the system columns of a row, compressed. */
const keyColumnBytes = 16;
