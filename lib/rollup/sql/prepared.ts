import { isTimeUsable, type PointColumn, partOf, type Spreading } from './points.ts';

/** Borders of the histogram of lateness, in milliseconds before the batch's end; whole seconds. */
export const borders = [
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
/** Milliseconds; no usable time is so long after the end of a batch. Whole seconds. */
const never = 600e12;

/** Whether the times of `rows` (ts, …) can be reckoned with: (usable). Of Parquet it is what the statistics claim. */
export function timesUsable(rows: string): string {
  return (
    `SELECT count(*) FILTER (missing > 0 OR NOT (${isTimeUsable})) = 0 AS usable FROM (SELECT missing, unnest([oldest, newest]) AS ts ` +
    `FROM (SELECT count(*) - count(ts) AS missing, min(ts) AS oldest, max(ts) AS newest FROM (${rows})))`
  );
}

/** Table `times` of `rows` (ts, …) with usable times: points by whole seconds before the batch's end, (second, n, oldest, newest). */
export function pointTimes(rows: string, watermarkMs: number): string {
  // Division truncates, so positive numbers are divided.
  return (
    `SELECT (${watermarkMs + never} - ts) // 1000 - ${never / 1e3} AS second, count(*) AS n, min(ts) AS oldest, max(ts) AS newest ` +
    `FROM (${rows}) GROUP BY ALL`
  );
}

/** From `times`: whether all times are usable after all, whether all points are in time, and the newest. */
export function timeFacts(inTime: string): string {
  const holds = (condition: string) =>
    `(SELECT count(*) FROM (SELECT unnest([oldest, newest]) AS ts FROM times) WHERE (${condition}) IS NOT TRUE) = 0`;
  return `SELECT ${holds(isTimeUsable)} AS usable, ${holds(inTime)} AS in_time, (SELECT max(newest) FROM times) AS newest`;
}

/** From `times`: points by how long before the batch's end they lie, (since, n), ascending. */
export function lateness(): string {
  const since = borders
    .toReversed()
    .map((border) => `WHEN second >= ${border / 1e3} THEN ${border}`)
    .join(' ');
  return `SELECT CASE ${since} ELSE -1 END AS since, sum(n) AS n FROM times GROUP BY ALL ORDER BY since`;
}

/**
 * Table `series` of `rows` (pw_row, id, ts, v, l0, …), from one pass in which every value is decoded: (id, points, valued,
 * n, newest, first). `n` of the points count, that is, are `inTime`; `first` is the earliest row of them, a struct
 * of labels and `q`, its number. Without `inTime` all points do, and `newest` is unknown.
 */
export function seriesFound(
  rows: string,
  columns: readonly PointColumn[],
  inTime: string | undefined,
): string {
  const fields = [...labelsOf(columns).map((name) => `'${name}': ${name}`), `'q': pw_row`];
  const those = inTime === undefined ? '' : ` FILTER (${inTime})`;
  return (
    `SELECT id, count(*) AS points, count(v) AS valued, count(*)${those} AS n, ` +
    `${inTime === undefined ? 'NULL' : `max(ts)${those}`} AS newest, arg_min({${fields.join(', ')}}, pw_row)${those} AS first ` +
    `FROM (${rows}) GROUP BY id`
  );
}

/** From `series`: rows without series or value. */
export const incomplete =
  'SELECT coalesce(sum(CASE WHEN id IS NULL THEN points ELSE points - valued END), 0) AS n FROM series';

/** From `series`: (part, points, refused), the latter being those that are not in time. */
export function seriesParts(spreading: Spreading): string {
  return `SELECT ${partOf('id', spreading)} AS part, sum(points) AS points, sum(points - n) AS refused FROM series GROUP BY ALL HAVING count(*) > 0 ORDER BY part`;
}

/** From `series`: the labels of each series' first point that counts, and how many do: (part, id, l0, …, q, n). */
export function seriesLabels(columns: readonly PointColumn[], spreading: Spreading): string {
  const fields = [...labelsOf(columns), 'q'].map((name) => `first.${name} AS ${name}`);
  return `SELECT ${partOf('id', spreading)} AS part, id, ${fields.join(', ')}, n FROM series WHERE n > 0 ORDER BY part, id`;
}

function labelsOf(columns: readonly PointColumn[]): readonly string[] {
  return columns.slice(3).map(({ name }) => name);
}
