import { isTimeUsable, type PointColumn } from './points.ts';

/** Borders of the histogram of lateness, in milliseconds before the batch's end. */
const borders = [
  0,
  1e3,
  10e3,
  60e3,
  300e3,
  900e3,
  3_600e3,
  6 * 3_600e3,
  86_400e3,
  7 * 86_400e3,
  30 * 86_400e3,
];

/** One pass over `rows` (part, id, ts, v, …): points by part and lateness, those refused for their time, rows to refuse as such. */
export function countedPoints(rows: string, inTime: string, watermarkMs: number): string {
  const since = borders
    .toReversed()
    .map((border) => `WHEN ${watermarkMs} - ts >= ${border} THEN ${border}`)
    .join(' ');
  return (
    `SELECT part, CASE ${since} ELSE -1 END AS since, count(*) AS n, count(*) FILTER (NOT (${inTime})) AS refused, ` +
    `count(*) FILTER (id IS NULL OR v IS NULL OR NOT coalesce(${isTimeUsable}, false)) AS bad, max(ts) FILTER (${inTime}) AS newest ` +
    `FROM (${rows}) GROUP BY ALL`
  );
}

/** The labels of each series' points that count, each with the first row that has them and how many do: (part, id, l0, …, q, n). */
export function seriesLabels(rows: string, columns: readonly PointColumn[], inTime: string): string {
  const labels = columns.slice(3).map(({ name }) => name);
  return `SELECT part, id, ${labels.join(', ')}, min(pw_row) AS q, count(*) AS n FROM (${rows}) WHERE ${inTime} GROUP BY ALL`;
}
