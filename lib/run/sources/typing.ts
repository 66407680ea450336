import type { ColumnConfig, ColumnType } from '../../config/schema.ts';
import { sqlType } from '../../config/types.ts';
import { text } from '../../engine/sql.ts';

/** SQL that turns one source column into its target type. `source` and `raw` are names of columns in scope. */
export interface Typing {
  /** The value cast, NULL when it cannot be. */
  readonly cast: string;
  /** Whether the value means "unknown". */
  readonly unknown: string;
  /** Whether there is a cast value and it is allowed; never NULL. */
  readonly valid: string;
  /** The cast and allowed value as it is stored. */
  readonly value: string;
  /** Whether the source holds anything. */
  readonly present: string;
  /** Why a value is refused. */
  readonly reason: string;
}

export interface TypingOptions {
  readonly column: Pick<ColumnConfig, 'type' | 'sentinels'>;
  /** DuckDB's type of the source column; `TEXT` for text formats. */
  readonly sourceType: string;
  readonly source: string;
  readonly raw: string;
  readonly fieldBytes: number;
}

const integerTypes =
  /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|UHUGEINT)$/;
const fractionTypes = /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** Why values of a source type can never become the target type; undefined when they can. */
export function refuseTypes(sourceType: string, target: ColumnType): string | undefined {
  const nested = /\[|^(STRUCT|MAP|UNION|LIST|ARRAY|VARIANT|GEOMETRY|INTERVAL|TIME|BIT)\b/.test(sourceType);
  const strange =
    (sourceType === 'BLOB' && target !== 'string') ||
    (sourceType === 'BOOLEAN' && !['boolean', 'string', 'int', 'bigint'].includes(target)) ||
    (/^(DATE|TIMESTAMP)/.test(sourceType) && !['date', 'timestamp', 'month', 'string'].includes(target)) ||
    (fractionTypes.test(sourceType) && ['date', 'timestamp', 'boolean'].includes(target));
  return nested || strange ? `the file has ${sourceType}; expected ${target}` : undefined;
}

export function typing(options: TypingOptions): Typing {
  const { column, source, raw } = options;
  const target = sqlType(column.type);
  const sourceText = isText(options.sourceType) ? source : `CAST(${source} AS VARCHAR)`;
  const cast = castExpression(options);
  const valid = validExpression(column.type, raw, options.fieldBytes);
  const unknowns = [
    ...(column.sentinels.length === 0
      ? []
      : [`trim(${sourceText}) IN (${column.sentinels.map((value) => text(String(value))).join(', ')})`]),
    ...(column.sentinels.length === 0 || column.type === 'string' || column.type === 'month'
      ? []
      : [
          `${raw} IN (${column.sentinels.map((value) => `TRY_CAST(${text(String(value))} AS ${target})`).join(', ')})`,
        ]),
    ...(column.type !== 'date'
      ? []
      : [
          `${raw} < DATE '1000-01-01'`,
          ...(isText(options.sourceType) ? [`regexp_matches(${source}, '^0\\d{3}-')`] : []),
        ]),
  ];
  return {
    cast,
    valid: `(${raw} IS NOT NULL AND coalesce(${valid}, false))`,
    unknown:
      unknowns.length === 0 ? 'false' : unknowns.map((unknown) => `coalesce(${unknown}, false)`).join(' OR '),
    value: raw,
    present:
      isText(options.sourceType) && column.type !== 'string'
        ? `trim(${source}) <> ''`
        : `${source} IS NOT NULL`,
    reason: reasonText(column.type),
  };
}

function isText(sourceType: string): boolean {
  return sourceType === 'TEXT' || sourceType === 'VARCHAR' || sourceType.startsWith('ENUM');
}

function castExpression({ column, sourceType, source }: TypingOptions): string {
  const { type } = column;
  const target = sqlType(type);
  if (sourceType === 'BLOB') return `TRY(decode(${source}))`;
  const whole = integerTypes.test(sourceType);
  switch (type) {
    case 'string':
      return `CAST(${source} AS VARCHAR)`;
    case 'int':
    case 'bigint':
      if (isText(sourceType)) return integerText(`CAST(${source} AS VARCHAR)`, target);
      return fractionTypes.test(sourceType)
        ? `CASE WHEN ${source} = trunc(${source}) THEN TRY_CAST(${source} AS ${target}) END`
        : `TRY_CAST(${source} AS ${target})`;
    case 'month':
      if (/^(DATE|TIMESTAMP)/.test(sourceType)) return `strftime(CAST(${source} AS TIMESTAMP), '%Y-%m')`;
      if (fractionTypes.test(sourceType)) return monthText(`CAST(TRY_CAST(${source} AS BIGINT) AS VARCHAR)`);
      return monthText(`trim(CAST(${source} AS VARCHAR))`);
    case 'date':
      return isText(sourceType) || whole
        ? dateText(`trim(CAST(${source} AS VARCHAR))`)
        : `TRY_CAST(${source} AS DATE)`;
    case 'timestamp':
      return isText(sourceType) || whole
        ? timestampText(`trim(CAST(${source} AS VARCHAR))`)
        : `TRY_CAST(${source} AS TIMESTAMP)`;
    default:
      return isText(sourceType)
        ? `CASE WHEN NOT contains(${source}, '_') THEN TRY_CAST(${source} AS ${target}) END`
        : `TRY_CAST(${source} AS ${target})`;
  }
}

/** Digits with a sign; a fraction of zeros is what spreadsheets and data frames add. */
function integerText(source: string, target: string): string {
  return (
    `CASE WHEN translate(trim(${source}), '0123456789', '') IN ('', '-', '+') THEN TRY_CAST(${source} AS ${target}) ` +
    `WHEN regexp_full_match(trim(${source}), '[+-]?\\d+\\.0*') THEN TRY_CAST(split_part(trim(${source}), '.', 1) AS ${target}) END`
  );
}

function monthText(source: string): string {
  return (
    `CASE WHEN strlen(${source}) = 7 THEN ${source} ` +
    `WHEN regexp_full_match(${source}, '\\d{6}') THEN ${source}[1:4] || '-' || ${source}[5:6] ` +
    `WHEN regexp_full_match(${source}, '\\d{6}\\.0*') THEN ${source}[1:4] || '-' || ${source}[5:6] ` +
    `WHEN regexp_full_match(${source}, '\\d{8}') AND try_strptime(${source}, '%Y%m%d') IS NOT NULL THEN ${source}[1:4] || '-' || ${source}[5:6] ` +
    `WHEN regexp_full_match(${source}, '\\d{4}-\\d{2}-\\d{2}([ T].*)?') AND TRY_CAST(${source}[1:10] AS DATE) IS NOT NULL THEN ${source}[1:7] END`
  );
}

/** `YYYY-MM-DD`, the same with a time of day, or `YYYYMMDD`. */
function dateText(source: string): string {
  return (
    `CASE WHEN strlen(${source}) = 10 AND ${source}[5] = '-' THEN TRY_CAST(${source} AS DATE) ` +
    `WHEN regexp_full_match(${source}, '\\d{8}') THEN CAST(try_strptime(${source}, '%Y%m%d') AS DATE) ` +
    `WHEN regexp_full_match(${source}, '\\d{4,6}-\\d{2}-\\d{2}([ T].*)?') THEN TRY_CAST(${source} AS DATE) END`
  );
}

/** ISO 8601; a zone or an offset is converted to UTC, text without one is UTC. */
function timestampText(source: string): string {
  return (
    `CASE WHEN strlen(${source}) = 19 AND ${source}[17] = ':' THEN TRY_CAST(${source} AS TIMESTAMP) ` +
    `WHEN regexp_full_match(${source}, '\\d{8}') THEN try_strptime(${source}, '%Y%m%d') ` +
    `WHEN regexp_full_match(${source}, '\\d{4,6}-\\d{2}-\\d{2}([ T]\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?)?') THEN TRY_CAST(${source} AS TIMESTAMP) ` +
    `WHEN regexp_full_match(${source}, '\\d{4,6}-\\d{2}-\\d{2}[ T].*') THEN CAST(TRY_CAST(${source} AS TIMESTAMPTZ) AS TIMESTAMP) END`
  );
}

/** Whether a value of the target type may be stored. Also applied to what SQL expressions make. */
export function validExpression(type: ColumnType, value: string, fieldBytes: number): string {
  switch (type) {
    case 'double':
      return `isfinite(${value})`;
    case 'date':
      return `(isfinite(${value}) AND ${value} < DATE '10000-01-01')`;
    case 'timestamp':
      return `(isfinite(${value}) AND ${value} >= TIMESTAMP '0001-01-01' AND ${value} < TIMESTAMP '10000-01-01')`;
    case 'string':
      return `(strlen(${value}) <= ${fieldBytes} AND NOT contains(${value}, chr(0)))`;
    case 'month':
      return `regexp_full_match(${value}, '\\d{4}-(0[1-9]|1[0-2])')`;
    default:
      return 'true';
  }
}

export function reasonText(type: ColumnType): string {
  switch (type) {
    case 'double':
      return 'not a finite number';
    case 'date':
    case 'timestamp':
      return `not a ${type} between the years 1 and 9999`;
    case 'string':
      return 'holds a NUL character or is longer than limits.fieldBytes';
    case 'month':
      return 'not a month';
    default:
      return `not ${type === 'int' ? 'an' : 'a'} ${type} in its range`;
  }
}
