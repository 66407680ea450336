import type { Plan } from '../run/workload.ts';
import { rowBytes } from './buckets.ts';
import type { PlannedWork } from './plan.ts';
import { groupBytes } from './plan-groups.ts';

/**
 * Measured on one core: a stored row costs `entryNs` per array entry to decode and encode. Merge-on-read reads keys
 * (a fixed share of that) and rewrites only what changes.
 */
const entryNs = 80;
const keyPassShare = 0.02;
const rowPassShare = 0.15;
const unitSeconds = 0.05;

/** Time on this machine and bytes. No price: nothing is rented. */
export function estimate({ config, units, groups, applyUnits, threads }: PlannedWork): Plan['estimate'] {
  const entries =
    config.history.length * config.historyLength + config.columns.length + config.derived.length;
  const rowSeconds = (entries * entryNs) / 1e9;
  const size = rowBytes(config);
  let seconds = (units.length + applyUnits) * unitSeconds;
  let bytesRead = 0;
  let bytesWritten = 0;
  for (const unit of units) {
    seconds += unit.rows * rowSeconds * 2;
    bytesRead += unit.bytes;
    bytesWritten += unit.rows * size * 2;
  }
  for (const group of groups) {
    const rows = group.files.reduce((sum, file) => sum + file.rows, 0);
    const bytes = groupBytes(group);
    bytesRead += bytes;
    if (group.mode === 'copy-on-write') {
      seconds += rows * rowSeconds;
      bytesWritten += bytes;
    } else {
      seconds += rowSeconds * (rows * (keyPassShare + rowPassShare) + group.expectedRows);
      bytesWritten += group.expectedRows * size;
    }
  }
  return {
    seconds: Math.round((seconds * 100) / Math.max(1, threads)) / 100,
    bytesRead: Math.round(bytesRead),
    bytesWritten: Math.round(bytesWritten),
    costUsd: undefined,
  };
}
