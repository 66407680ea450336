import { pointsLoad } from '../rollup/plan/unit-load.ts';
import { bucketLoad, cellsLoad } from '../summary/plan/unit-loads.ts';
import type { Assumptions, TableStatistics } from './assumptions.ts';
import type { EqualUnits } from './engines.ts';
import type { RollupBatch } from './rollup.ts';
import type { SummaryVolume } from './summary-volume.ts';

/** The units of a simulated run that Spark could run, as the engines' model knows them. */

interface SummaryOptions {
  readonly table: TableStatistics;
  readonly volume: SummaryVolume;
  readonly assumed: Assumptions;
  /** Array entries and other columns of a row. */
  readonly entries: number;
}

/** Every file counts as a cell. Half of what a bucket's records concern is in latest, too: its files are marked, not copied. */
export function summaryUnits({ table, volume, assumed, entries }: SummaryOptions): readonly EqualUnits[] {
  const { buckets, work, touched, touchedRows, touchedBytes } = volume;
  const { rowBytes, fileBytes } = assumed;
  const latestRows = table.rows / table.months / buckets;
  const resolve = bucketLoad({
    entries,
    records: table.records / buckets,
    months: table.recordMonths,
    ownRows: touchedRows / buckets,
    latestRows,
    copiedRows: 0,
    slices: 1,
    bytes: latestRows * rowBytes,
    rowBytes,
  });
  const rows = fileBytes / rowBytes;
  const most = Math.max(0, ...touched.map(({ changedFraction }) => changedFraction));
  const isCopied = touched.some(({ mode }) => mode === 'copy-on-write');
  const units = Math.max(1, work.units - buckets);
  const cells = Math.max(1, Math.ceil(touchedBytes / fileBytes));
  const apply = cellsLoad({
    entries,
    cells: cells / units,
    rows: touchedRows / units,
    writtenRows: (work.copiedRows + work.changedRows) / units,
    largest: { rows, changedRows: rows * most, writtenRows: isCopied ? rows : rows * most },
    bytes: touchedBytes / units,
    writtenBytes: ((work.copiedRows + work.changedRows) * rowBytes) / units,
  });
  return [
    { units: buckets, load: resolve },
    { units, load: apply },
  ];
}

/** What waits of a batch waits again in the next, and every series has a tail and an open row of each resolution. */
export function rollupUnits(batch: RollupBatch): readonly EqualUnits[] {
  const units = Math.max(1, Math.ceil(batch.points / batch.unitPoints));
  const waiting = batch.points * Math.min(1, batch.latenessMs / batch.batchMs);
  const load = pointsLoad({
    points: (batch.points + waiting) / units,
    otherRows: (batch.series * batch.resolutionsMs.length) / units,
    labels: batch.labels,
    resolutions: batch.resolutionsMs.length,
    hasSketches: batch.hasSketches,
    bytes: (batch.points * batch.pointBytes) / units,
  });
  return [{ units, load }];
}
