import { bytes, count, duration } from '../report/format.ts';
import { footerBytes } from '../run/row-groups.ts';
import type { Assumptions, TableStatistics } from './assumptions.ts';
import { type RollupBatch, rowsOut } from './rollup.ts';
import type { SummaryVolume } from './summary-volume.ts';

/** Every assumption in words, so that a reader can disagree with each. */
export function describeAssumptions(
  table: TableStatistics,
  assumed: Assumptions,
  volume: SummaryVolume,
): readonly string[] {
  const keys = table.records / table.recordsPerKey;
  const marked = volume.touched.filter(({ mode }) => mode === 'merge-on-read').length;
  const most = Math.max(...volume.touched.map(({ changedFraction }) => changedFraction));
  return [
    `rows are spread evenly over the months: ${count(Math.round(table.rows / table.months))} in each`,
    `${count(Math.round(keys))} keys with ${table.recordsPerKey} records each, for the ${table.recordMonths} newest months at random; every key has a row in each of them`,
    `late keys lie everywhere, so every file of these months is opened; at most ${(100 * most).toFixed(2)} % of its rows change`,
    `${marked} of ${volume.touched.length} months are marked and added to (merge-on-read), the others copied: above ${100 * assumed.maxDeadFraction} % changed rows`,
    `a row is ${bytes(assumed.rowBytes)} and a file ${bytes(assumed.fileBytes)}; a unit opens ${bytes(assumed.unitBytes)}`,
    `a source record is ${bytes(assumed.sourceRowBytes)} in ${assumed.sourceColumns} columns, a source file ${bytes(assumed.sourceFileBytes)}; a core prepares ${count(assumed.prepareRowsPerSecond)} records a second (measured)`,
    'the work per row is that of the plan’s estimate, measured on one core of a small machine',
    ...shared(assumed),
  ];
}

export function describeRollup(batch: RollupBatch, assumed: Assumptions): readonly string[] {
  const { prepare, rollup, audit } = batch.cpuSeconds;
  const rows = batch.resolutionsMs.map(
    (one) => `${count(Math.round(rowsOut(batch, one)))} of ${duration(one)}`,
  );
  return [
    `${count(batch.series)} series, in batches of ${duration(batch.batchMs)}; a series has a point in every window, as far as the points go: rows out are ${rows.join(', ')}`,
    `a point is ${bytes(batch.pointBytes)}, a source file ${bytes(assumed.sourceFileBytes)}, a row ${bytes(batch.rowBytes)}; points of the last ${duration(batch.latenessMs)} wait, at ${bytes(batch.stateRowBytes)} each`,
    `a unit takes ${count(batch.unitPoints)} points; a million points take ${prepare} s of a core to prepare, ${rollup} s to roll up and ${audit} s to audit (measured), ${count(batch.auditPoints)} points in a unit of the audit`,
    ...shared(assumed),
  ];
}

function shared(assumed: Assumptions): readonly string[] {
  return [
    `of each prepared file a unit fetches the last ${bytes(footerBytes)}, or the footer where it is longer (${bytes(assumed.footerBytesPerColumn)} for a column of a row group), and the row groups with rows of its own`,
    `${count(assumed.concurrency)} units at a time, each with ${assumed.memoryGb} GB, ${assumed.diskGb} GB of disk and one core per ${assumed.memoryPerCoreGb} GB, as fast as the measured one${assumed.coreSpeed === 1 ? '' : ` times ${assumed.coreSpeed}`}`,
    `a unit fetches whole files of the tables and sends its outputs at ${bytes(assumed.networkBytesPerSecond)} a second, before and after its work, and takes ${assumed.unitOverheadSeconds} s besides`,
    `${bytes(assumed.partBytes)} per request; ${assumed.writesPerUnit} writes and ${assumed.readsPerUnit} reads of state, ${assumed.transitionsPerUnit} state transitions and ${bytes(assumed.logBytesPerUnit)} of logs per unit; ${assumed.transitionsPerRun} transitions besides`,
    `${(100 * assumed.retriedShare).toFixed(0)} % of the units are done twice; nothing goes to Glue; transfer within the region is free`,
  ];
}
