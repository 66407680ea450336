import { bytes, count, duration, instant, plural } from '../report/format.ts';
import { textTable } from '../report/table.ts';
import type { RollupReport } from '../rollup/report.ts';
import type { RunRecord } from '../stores/ports.ts';

/** What the run's batch came to; undefined for runs of other workloads. */
export function batchReport(run: RunRecord): RollupReport | undefined {
  return run.facts['rollup'] as RollupReport | undefined;
}

/** A batch in a few lines: points in and not in, windows closed and open. */
export function batchLines(run: RunRecord): readonly string[] {
  const report = batchReport(run);
  if (report === undefined) return [];
  const { points, windows, state } = report;
  const refused = [
    points.duplicates > 0 ? plural(points.duplicates, 'duplicate') : '',
    points.tooLate > 0 ? `${count(points.tooLate)} too late` : '',
    points.tooFar > 0 ? `${count(points.tooFar)} too far in the future` : '',
  ].filter((text) => text !== '');
  const closed =
    report.closedThroughMs === null ? 'nothing is closed' : `closed to ${instant(report.closedThroughMs)}`;
  const waiting =
    state.hot === 0
      ? ''
      : `; ${plural(state.hot, 'point waits for its window', 'points wait for their windows')} to close`;
  return [
    `  batch ${report.batch} to ${instant(report.watermarkMs)}${report.flush ? ', flushed' : ''}: ${plural(points.arrived, 'point')}${refused.length === 0 ? '' : `, ${refused.join(', ')}`}; ${closed}${waiting}`,
    ...windows.map(
      ({ resolutionMs, closed: rows, open }) =>
        `  ${count(rows).padStart(12)}  ${rows === 1 ? 'row' : 'rows'} of ${duration(resolutionMs)}, ${count(open)} open`,
    ),
  ];
}

/** The whole report, for `status`. */
export function batchTables(run: RunRecord): readonly string[] {
  const report = batchReport(run);
  if (report === undefined) return [];
  const { points, state, times } = report;
  const lateness = report.lateness.map(([from, number], index) => [
    from < 0 ? 'after the end of the batch' : `${duration(from)} or more before it`,
    count(number),
    share(number, points.arrived),
    share(
      report.lateness.slice(0, index + 1).reduce((sum, [, one]) => sum + one, 0),
      points.arrived,
    ),
  ]);
  const columns = (first: string, ...rest: readonly string[]) => [
    first,
    ...rest.map((title) => ({ title, align: 'right' as const })),
  ];
  return [
    ...batchLines(run),
    '',
    ...textTable({ columns: columns('time of the points', 'points', 'share', 'up to here'), rows: lateness }),
    '',
    ...textTable({
      columns: columns('series', 'points', 'resets', 'largest series', 'largest unit to average'),
      rows: [
        [
          count(points.series),
          count(points.closed),
          count(points.resets),
          count(points.largestSeries),
          report.skew.toFixed(2),
        ],
      ],
    }),
    '',
    ...textTable({
      columns: columns('state', 'open points', 'tails', 'open rows'),
      rows: [[bytes(state.bytes), count(state.hot), count(state.tails), count(state.part)]],
    }),
    '',
    ...textTable({
      columns: columns('work', 'compute', 'partial points', 'append'),
      rows: [['of all units', duration(times.compute), duration(times.partial), duration(times.append)]],
    }),
    '',
    ...report.deadLetters.map((location) => `dead letters in ${location}`),
  ];
}

function share(part: number, whole: number): string {
  return whole === 0 ? '' : `${((100 * part) / whole).toFixed(1)} %`;
}
