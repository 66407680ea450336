import { identifier } from '../../engine/sql.ts';
import type { RollupShape } from '../columns.ts';
import { windows } from '../levels.ts';
import { sketches } from '../sketch-levels.ts';
import { sketchOutput } from './sketches.ts';

const hourMs = 3_600_000;

/** Bucket of time of a window, a DATE: the day, or the first of the month from 1 h up. */
export function bucketOf(windowMs: string, resolutionMs: number): string {
  const time = timestamp(windowMs);
  return resolutionMs >= hourMs ? `CAST(date_trunc('month', ${time}) AS DATE)` : `CAST(${time} AS DATE)`;
}

export function timestamp(ms: string): string {
  return `make_timestamp(${ms} * 1000)`;
}

interface RowsOptions {
  readonly shape: RollupShape;
  readonly resolutionMs: number;
  readonly labels: readonly string[];
  /** Of the columns of the mergeable rows. */
  readonly where: string;
}

/** Mergeable rows of a resolution as rows of the table, with every column of exactly its type. */
export function tableRows(options: RowsOptions): string {
  const { shape, resolutionMs, labels } = options;
  const labelColumns = shape.labels.map(
    ({ name, sqlType }, at) => `CAST(${labels[at] ?? 'NULL'} AS ${sqlType}) AS ${identifier(name)}`,
  );
  return `SELECT CAST(${resolutionMs} AS BIGINT) AS resolution, ${bucketOf('w', resolutionMs)} AS window_bucket,
    CAST(id AS ${shape.series.sqlType}) AS ${identifier(shape.series.name)}, ${timestamp('w')} AS window_ts, ${labelColumns.join(', ')},
    CAST(n AS BIGINT) AS "count", CAST(s AS DECIMAL(38,0)) AS "sum", CAST(mn AS BIGINT) AS "min", CAST(mx AS BIGINT) AS "max",
    ${timestamp('ft')} AS first_ts, CAST(fv AS BIGINT) AS first_value, ${timestamp('lt')} AS last_ts, CAST(lv AS BIGINT) AS last_value,
    CAST(inc AS DECIMAL(38,0)) AS increase, CAST(rs AS BIGINT) AS resets${sketchOutput(shape.sketch)}
    FROM (${labelled(options)})`;
}

/** A resolution's mergeable rows with their labels: the series', unless the window has older ones. */
export function labelled({ shape, resolutionMs, labels, where }: RowsOptions): string {
  const chosen = labels.map(
    (name) => `CASE WHEN older.w IS NULL THEN labels.${name} ELSE older.${name} END AS ${name}`,
  );
  const sketched = shape.sketch === undefined ? '' : ` JOIN ${sketches(resolutionMs)} USING (id, w)`;
  return (
    `SELECT rows.*, ${chosen.join(', ')} FROM (SELECT * FROM ${windows(resolutionMs)}${sketched} WHERE ${where}) AS rows JOIN labels USING (id) ` +
    `LEFT JOIN (SELECT * FROM older WHERE resolution = ${resolutionMs}) AS older ON older.id = rows.id AND older.w = rows.w`
  );
}
