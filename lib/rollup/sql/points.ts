import type { TimeUnit } from '../../config/rollup-schema.ts';
import type { ColumnConfig, RollupConfig } from '../../config/schema.ts';
import type { Dialect } from '../../engine/dialect.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import { identifier, text } from '../../engine/sql.ts';
import type { OpenedSource } from '../../run/sources/open.ts';
import { type ColumnMatch, fault } from '../../run/sources/typed-rows.ts';

/** Times that every reader of the table can show: the years 1 to 9999. */
const firstMs = -62_135_596_800_000;
const lastMs = 253_402_300_799_999;

export const isTimeUsable = `ts BETWEEN ${firstMs} AND ${lastMs}`;

/** A point's columns as they are prepared: series, time, value, then the labels `l0` (the shard), `l1`, … */
export function pointColumns({ points }: Pick<RollupConfig, 'points'>): readonly PointColumn[] {
  const plain = { required: false, sentinels: [] };
  return [
    { ...plain, name: 'id', from: points.series.from ?? points.series.name, type: points.series.type },
    { ...plain, name: 'ts', from: points.time.from, type: points.time.type, unit: points.time.unit },
    { ...plain, name: 'v', from: points.value.from, type: 'bigint' },
    ...[points.shard, ...points.labels].map(({ name, from, type }, at) => ({
      ...plain,
      name: `l${at}`,
      from: from ?? name,
      type,
    })),
  ];
}

/** `unit` is of a time of whole numbers; undefined: milliseconds. */
export type PointColumn = ColumnConfig & { readonly from: string; readonly unit?: TimeUnit | undefined };

/** A file's rows under the names of points: `SELECT pw_row, id, ts, v, l0, …`, and what the columns are called in it. */
export function pointRows(
  columns: readonly PointColumn[],
  { from }: Pick<ColumnMatch, 'from'>,
): { readonly names: Readonly<Record<string, string>>; readonly select: (source: OpenedSource) => string } {
  const present = columns.map((_, at) => from[at] ?? '');
  return {
    names: Object.fromEntries(columns.map(({ name }, at) => [name, identifier(present[at] ?? '')])),
    select: (source) =>
      `SELECT pw_row, ${columns.map(({ name }, at) => `s${at} AS ${name}`).join(', ')} FROM (${source.select(present)})`,
  };
}

/** `SELECT pw_row, pw_fault, id, ts, v, l0, …` of typed rows; `ts` in milliseconds, faults under the names of the source. */
export function checkedPoints(columns: readonly PointColumn[], typed: string): string {
  const time = columns.find((column) => column.name === 'ts');
  const ms = time?.type === 'timestamp' ? floored('epoch_us(ts)', 1_000) : inMilliseconds('ts', time?.unit);
  const inMs = `SELECT * REPLACE (${ms} AS ts) FROM (${typed})`;
  const faults = [
    ...['id', 'ts', 'v'].map((name) => `CASE WHEN ${name} IS NULL THEN ${fault(name, 'is NULL')} END`),
    `CASE WHEN NOT (${isTimeUsable}) THEN ${fault('ts', 'is outside of the years 1 to 9999')} END`,
  ];
  const renamed = columns
    .map(
      ({ name, from }) =>
        `WHEN ${text(name)} THEN ${text(from)} || '\x1f' || split_part(pw_fault, '\x1f', 2)`,
    )
    .join(' ');
  return (
    `SELECT * REPLACE (CASE split_part(pw_fault, '\x1f', 1) ${renamed} END AS pw_fault) FROM ` +
    `(SELECT * REPLACE (coalesce(pw_fault, ${faults.join(', ')}) AS pw_fault) FROM (${inMs}))`
  );
}

/** What is finer is cut off; seconds that no 64 bits hold as milliseconds become the greatest number, which is no usable time. */
function inMilliseconds(time: string, unit: TimeUnit = 'ms'): string {
  switch (unit) {
    case 's':
      return `CASE WHEN ${time} NOT BETWEEN ${firstMs} AND ${lastMs} THEN 9223372036854775807 ELSE ${time} * 1000 END`;
    case 'ms':
      return time;
    case 'us':
      return floored(time, 1_000);
    case 'ns':
      return floored(time, 1_000_000);
  }
}

/** Floors, also below zero. */
function floored(value: string, by: number): string {
  return `(${value} // ${by} - CASE WHEN ${value} % ${by} < 0 THEN 1 ELSE 0 END)`;
}

/** How series are spread over parts. */
export interface Spreading {
  readonly parts: number;
  /**
   * The hash of a series' name. `duckdb`, which is the default: DuckDB's own, the fastest. `md5`: of the name as text, which
   * Spark computes, too.
   */
  readonly hash?: 'duckdb' | 'md5';
}

/** The part of the state that a series belongs to. Only DuckDB knows its own hash. */
export function partOf(
  series: string,
  { parts, hash = 'duckdb' }: Spreading,
  dialect: Dialect = duckDb,
): string {
  if (parts === 1) return '0';
  if (hash === 'md5') return `${dialect.digestNumber(dialect.cast(series, 'string'))} % ${parts}`;
  if (dialect.name !== 'duckdb') throw new TypeError(`${dialect.name} does not know the hash of DuckDB`);
  return `CAST(hash(${series}) % ${parts} AS INTEGER)`;
}

/** What the engine's hash makes of a fixed text: the same as long as the hash is. */
export const hashProbe = `SELECT CAST(hash('partwise') AS VARCHAR) || CAST(hash(CAST(1 AS BIGINT)) AS VARCHAR) AS probe`;
