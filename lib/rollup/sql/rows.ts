import type { Dialect } from '../../engine/dialect.ts';
import type { Schema } from '../../iceberg/types.ts';
import type { RollupShape } from '../columns.ts';
import { windows } from '../levels.ts';
import { sketches } from '../sketch/levels.ts';
import { sketchOutput } from './sketches.ts';

const hourMs = 3_600_000;

/** Bucket of time of a window, a DATE: the day, or the first of the month from 1 h up. */
export function bucketOf(dialect: Dialect, windowMs: string, resolutionMs: number): string {
  const time = dialect.timestampOf(windowMs);
  return resolutionMs >= hourMs ? dialect.monthOf(time) : `CAST(${time} AS DATE)`;
}

interface RowsOptions {
  readonly dialect: Dialect;
  readonly shape: RollupShape;
  readonly resolutionMs: number;
  readonly labels: readonly string[];
  /** Of the columns of the mergeable rows. */
  readonly where: string;
}

/** Mergeable rows of a resolution as rows of the table, with every column of exactly its type. */
export function tableRows(options: RowsOptions): string {
  const { dialect, shape, resolutionMs, labels } = options;
  const { identifier, timestampOf } = dialect;
  const labelColumns = shape.labels.map(
    ({ name, icebergType }, at) =>
      `CAST(${labels[at] ?? 'NULL'} AS ${dialect.type(icebergType)}) AS ${identifier(name)}`,
  );
  return `SELECT CAST(${resolutionMs} AS BIGINT) AS resolution, ${bucketOf(dialect, 'w', resolutionMs)} AS window_bucket,
    CAST(id AS ${dialect.type(shape.series.icebergType)}) AS ${identifier(shape.series.name)}, ${timestampOf('w')} AS window_ts, ${labelColumns.join(', ')},
    CAST(n AS BIGINT) AS ${identifier('count')}, CAST(s AS DECIMAL(38,0)) AS ${identifier('sum')}, CAST(mn AS BIGINT) AS ${identifier('min')}, CAST(mx AS BIGINT) AS ${identifier('max')},
    ${timestampOf('ft')} AS first_ts, CAST(fv AS BIGINT) AS first_value, ${timestampOf('lt')} AS last_ts, CAST(lv AS BIGINT) AS last_value,
    CAST(inc AS DECIMAL(38,0)) AS increase, CAST(rs AS BIGINT) AS resets${sketchOutput(dialect, shape.sketch)}
    FROM (${labelled(options)})`;
}

/** The same with the columns in the order of the table. */
export function publishedRows({ schema, ...options }: RowsOptions & { readonly schema: Schema }): string {
  const columns = schema.fields.map(({ name }) => options.dialect.identifier(name));
  return `SELECT ${columns.join(', ')} FROM (${tableRows(options)})`;
}

/** A resolution's mergeable rows with their labels: the series', unless the window has older ones. */
export function labelled({ shape, resolutionMs, labels, where }: Omit<RowsOptions, 'dialect'>): string {
  const chosen = labels.map(
    (name) => `CASE WHEN older.w IS NULL THEN labels.${name} ELSE older.${name} END AS ${name}`,
  );
  const sketched = shape.sketch === undefined ? '' : ` JOIN ${sketches(resolutionMs)} USING (id, w)`;
  return (
    `SELECT rows.*, ${chosen.join(', ')} FROM (SELECT * FROM ${windows(resolutionMs)}${sketched} WHERE ${where}) AS rows JOIN labels USING (id) ` +
    `LEFT JOIN (SELECT * FROM older WHERE resolution = ${resolutionMs}) AS older ON older.id = rows.id AND older.w = rows.w`
  );
}
