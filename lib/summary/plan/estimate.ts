import type { Plan } from '../../run/workload.ts';
import { bytesWritten, cpuSeconds, rowShape, type WorkVolume } from './cost-model.ts';
import { groupBytes } from './groups.ts';
import type { PlannedWork } from './plan.ts';

/** Time on this machine and bytes. No price: nothing is rented. */
export function estimate(planned: PlannedWork): Plan['estimate'] {
  const { config, units, groups, threads } = planned;
  const row = rowShape(config);
  const volume = volumeOf(planned);
  const read =
    units.reduce((sum, unit) => sum + unit.bytes, 0) +
    groups.reduce((sum, group) => sum + groupBytes(group), 0);
  return {
    seconds: Math.round((cpuSeconds(row, volume) * 100) / Math.max(1, threads)) / 100,
    bytesRead: Math.round(read),
    bytesWritten: Math.round(bytesWritten(row, volume)),
    costUsd: undefined,
  };
}

function volumeOf({ units, groups, applyUnits }: PlannedWork): WorkVolume {
  const rowsOf = (some: PlannedWork['groups']) =>
    some.reduce((sum, group) => sum + group.files.reduce((rows, file) => rows + file.rows, 0), 0);
  const copied = groups.filter((group) => group.mode === 'copy-on-write');
  const marked = groups.filter((group) => group.mode !== 'copy-on-write');
  return {
    units: units.length + applyUnits,
    resolvedRows: units.reduce((sum, unit) => sum + unit.rows, 0),
    copiedRows: rowsOf(copied),
    copiedBytes: copied.reduce((sum, group) => sum + groupBytes(group), 0),
    markedRows: rowsOf(marked),
    changedRows: marked.reduce((sum, group) => sum + group.expectedRows, 0),
  };
}
