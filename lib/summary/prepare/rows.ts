import type { SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import { sqlType, type TargetColumn, targetColumns } from '../../config/types.ts';
import { identifier, text } from '../../engine/sql.ts';
import type { OpenedSource } from '../../run/sources/open.ts';
import { type ColumnMatch, fault, matchColumns, typedRows } from '../../run/sources/typed-rows.ts';
import { reasonText, validExpression } from '../../run/sources/typing.ts';
import { recordHash } from './hash.ts';

/** @throws PoisonInputError when a column that every row must have is missing, or cannot be converted */
export function matchRecords(config: SummaryConfig, source: OpenedSource): ColumnMatch {
  const needed = [
    config.key,
    config.month,
    config.version,
    ...(source.sparse ? [] : [config.delete?.column]),
  ];
  return matchColumns(config.columns, new Set(needed), source);
}

/**
 * `SELECT pw_row, pw_fault, <target columns>`: typed, transformed, derived and checked. `pw_fault` is NULL or
 * `<column>\x1f<reason>` of the first fault of the row.
 */
export function checkedRows(config: SummaryConfig, source: OpenedSource, match: ColumnMatch): string {
  const types = new Map(config.columns.map(({ name, type }) => [name, type]));
  const steps: readonly Step[] = [
    ...config.transformations.map(({ column, sql }) => ({
      name: column,
      type: types.get(column) ?? 'string',
      sql,
      added: false,
    })),
    ...config.derived.map((derived) => ({ ...derived, added: true })),
  ];
  const fieldBytes = parseByteSize(config.limits.fieldBytes);
  const rows = steps.reduce(
    (before, step) => evaluated(before, step, fieldBytes),
    typedRows({ columns: config.columns, fieldBytes, source, match }),
  );
  return `SELECT * REPLACE (coalesce(pw_fault, ${finalFaults(config)}) AS pw_fault) FROM (${rows})`;
}

/** One expression: a transformation replaces its column, a derived column is added. */
interface Step extends TargetColumn {
  readonly sql: string;
  readonly added: boolean;
}

/** The rows after one step; a row for which it fails, or makes what cannot be stored, is at fault. */
function evaluated(rows: string, { name, type, sql, added }: Step, fieldBytes: number): string {
  const unfit = `pw_x.v IS NOT NULL AND NOT ${validExpression(type, 'pw_x.v', fieldBytes)}`;
  const faults =
    `coalesce(pw_fault, CASE WHEN pw_x IS NULL THEN ${fault(name, 'its expression fails')} ` +
    `WHEN ${unfit} THEN ${fault(name, `its expression makes a value that is ${reasonText(type)}`)} END) AS pw_fault`;
  const value = `pw_x.v AS ${identifier(name)}`;
  const columns = added
    ? `* EXCLUDE (pw_x) REPLACE (${faults}), ${value}`
    : `* EXCLUDE (pw_x) REPLACE (${faults}, ${value})`;
  // TRY makes the whole struct NULL where the expression fails; a NULL that it computes is a field in it.
  return `SELECT ${columns} FROM (SELECT *, TRY({'v': CAST((\n${sql}\n) AS ${sqlType(type)})}) AS pw_x FROM (${rows}))`;
}

function finalFaults(config: SummaryConfig): string {
  const required = new Set([
    config.key,
    config.month,
    config.version,
    ...config.columns.filter((column) => column.required).map(({ name }) => name),
  ]);
  const { from, to } = config.acceptMonths;
  const month = identifier(config.month);
  return [
    ...[...required].map(
      (name) => `CASE WHEN ${identifier(name)} IS NULL THEN ${fault(name, 'is NULL')} END`,
    ),
    `CASE WHEN ${month} NOT BETWEEN ${text(from)} AND ${text(to)} THEN ${fault(config.month, `is outside of ${from} to ${to} (acceptMonths)`)} END`,
  ].join(', ');
}

/** `SELECT bucket, month_no, is_delete, rec_hash, <target columns>` of the accepted rows of `checked`. */
export function preparedRows(config: SummaryConfig, buckets: number, checked: string): string {
  const columns = targetColumns(config);
  const keyType = columns.find(({ name }) => name === config.key)?.type ?? 'string';
  const isDelete =
    config.delete === undefined ? 'false' : isDeleteCode(config, identifier(config.delete.column));
  return (
    `SELECT pw_row, ${bucketOf(identifier(config.key), keyType, buckets)} AS bucket, ${monthNumber(identifier(config.month))} AS month_no, ` +
    `${isDelete} AS is_delete, ${recordHash(columns)} AS rec_hash, ${columns.map(({ name }) => identifier(name)).join(', ')} FROM ${checked} WHERE pw_fault IS NULL`
  );
}

/** Whether a code means a delete; never NULL. */
export function isDeleteCode(config: SummaryConfig, code: string): string {
  if (config.delete === undefined) return 'false';
  return `coalesce(CAST(${code} AS VARCHAR) IN (${config.delete.codes.map(text).join(', ')}), false)`;
}

/** Iceberg's bucket transform of a key; integers hash as 64-bit ones (spec, appendix B). */
export function bucketOf(key: string, keyType: string, buckets: number): string {
  return keyType === 'string'
    ? `CAST(pw_bucket_text(${key}, ${buckets}) AS INTEGER)`
    : `CAST(pw_bucket_long(CAST(${key} AS BIGINT), ${buckets}) AS INTEGER)`;
}

/** Months since year 0: year * 12 + month. */
function monthNumber(month: string): string {
  return `CAST(CAST(${month}[1:4] AS INTEGER) * 12 + CAST(${month}[6:7] AS INTEGER) AS INTEGER)`;
}
