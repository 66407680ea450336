import { bytes, count, duration, plural } from '../report/format.ts';
import type { RepairReport } from '../rollup/repair/report.ts';
import type { RunRecord } from '../stores/ports.ts';

/** A repair in a few lines: points in and not in, rows of each resolution, files. None of another run. */
export function repairLines(run: RunRecord): readonly string[] {
  const report = run.facts['repair'] as RepairReport | undefined;
  if (report === undefined) return [];
  const { points, windows, files } = report;
  const of = [
    points.duplicates > 0 ? plural(points.duplicates, 'duplicate') : '',
    points.open > 0 ? `${count(points.open)} wait for their windows to close` : '',
    points.tooFar > 0 ? `${count(points.tooFar)} more were too far in the future` : '',
  ].filter((text) => text !== '');
  return [
    `  repaired after batch ${report.batch}: ${plural(points.taken, 'point')} of ${count(points.series)} series${of.length === 0 ? '' : `, ${of.join(', ')}`}`,
    ...windows.map(
      ({ resolutionMs, added, changed, open }) =>
        `  ${count(added + changed).padStart(12)}  ${added + changed === 1 ? 'row' : 'rows'} of ${duration(resolutionMs)}: ${count(added)} new, ${count(changed)} with other values; ${count(open)} open`,
    ),
    `  ${plural(files.removed, 'data file')} of ${bytes(files.bytesRemoved)} replaced by ${count(files.added)}`,
  ];
}
