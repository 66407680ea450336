import type { WorkVolume } from '../summary/plan/cost-model.ts';
import type { Assumptions, TableStatistics } from './assumptions.ts';

/** One stage of a simulated run: so many equal units. */
export interface StageVolume {
  readonly name: string;
  readonly units: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Requests beside those for whole parts of what is read. */
  readonly requests?: number;
  readonly cpuSeconds: number;
}

export interface SummaryVolume {
  readonly work: WorkVolume;
  /** Months whose files the run opens, with what becomes of them. */
  readonly touched: readonly TouchedMonth[];
  readonly touchedRows: number;
  readonly touchedBytes: number;
  readonly buckets: number;
}

interface TouchedMonth {
  /** 0 is the oldest month of the records. */
  readonly month: number;
  readonly changedFraction: number;
  readonly mode: 'merge-on-read' | 'copy-on-write';
}

/**
 * The rows that a run opens and changes. Keys are spread evenly, so each bucket and every file of a touched month is
 * opened; a key's records fall on the record months at random. Of a month's keys a row changes when any of its key's
 * records is for that month or an earlier one.
 */
export function summaryVolume(table: TableStatistics, assumed: Assumptions): SummaryVolume {
  const rowsPerMonth = table.rows / table.months;
  const keysTouched = table.records / table.recordsPerKey;
  const keyFraction = Math.min(1, keysTouched / rowsPerMonth);
  const count = Math.min(table.recordMonths, table.months);
  const touched = Array.from({ length: count }, (_, month): TouchedMonth => {
    const reached = 1 - (1 - (month + 1) / count) ** table.recordsPerKey;
    const changedFraction = keyFraction * reached;
    return {
      month,
      changedFraction,
      mode: changedFraction > assumed.maxDeadFraction ? 'copy-on-write' : 'merge-on-read',
    };
  });
  const rowsOf = (mode: TouchedMonth['mode']) =>
    touched.filter((one) => one.mode === mode).length * rowsPerMonth;
  const copiedRows = rowsOf('copy-on-write');
  const touchedRows = count * rowsPerMonth;
  const touchedBytes = touchedRows * assumed.rowBytes;
  const buckets = Math.max(1, Math.ceil((rowsPerMonth * assumed.rowBytes) / assumed.fileBytes));
  return {
    touched,
    touchedRows,
    touchedBytes,
    buckets,
    work: {
      units: buckets + Math.ceil(touchedBytes / assumed.unitBytes),
      resolvedRows: table.records,
      copiedRows,
      copiedBytes: copiedRows * assumed.rowBytes,
      markedRows: rowsOf('merge-on-read'),
      changedRows: touched
        .filter((one) => one.mode === 'merge-on-read')
        .reduce((sum, one) => sum + one.changedFraction * rowsPerMonth, 0),
    },
  };
}
