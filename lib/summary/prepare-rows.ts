import type { SummaryConfig } from '../config/schema.ts';
import { parseByteSize } from '../config/sizes.ts';
import { sqlType, type TargetColumn, targetColumns } from '../config/types.ts';
import { identifier, text } from '../engine/sql.ts';
import { PoisonInputError } from '../errors.ts';
import type { OpenedSource } from '../run/sources/open.ts';
import { recordHash } from './prepare-hash.ts';
import { reasonText, refuseTypes, typing, validExpression } from './prepare-typing.ts';

/** Which source column feeds which target column. */
export interface ColumnMatch {
  /** Source column of each configured column; undefined when the file has none. */
  readonly from: readonly (string | undefined)[];
  readonly dropped: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Matches by name, else by the name without case when that is unambiguous.
 *
 * @throws PoisonInputError when a column that every row must have is missing, or has a type that cannot be converted
 */
export function matchColumns(config: SummaryConfig, source: OpenedSource): ColumnMatch {
  const from = config.columns.map((column) => findColumn(source, column.from ?? column.name));
  const needed = new Set([
    config.key,
    config.month,
    config.version,
    ...(source.sparse ? [] : [config.delete?.column]),
  ]);
  const missing = config.columns.filter((_, at) => from[at] === undefined);
  const fatal = missing
    .filter((column) => column.required || needed.has(column.name))
    .map((column) => column.from ?? column.name);
  if (fatal.length > 0 && !(source.sparse && source.columns.length === 0)) {
    throw new PoisonInputError(
      `required columns are missing: ${fatal.join(', ')}; the file has ${preview(source.columns.map(({ name }) => name))}`,
    );
  }
  for (const [at, column] of config.columns.entries()) {
    const found = source.columns.find(({ name }) => name === from[at]);
    const refused = found === undefined ? undefined : refuseTypes(found.type, column.type);
    if (refused !== undefined) throw new PoisonInputError(`column ${found?.name}: ${refused}`);
  }
  const used = new Set(from);
  return {
    from,
    dropped: source.columns.map(({ name }) => name).filter((name) => !used.has(name)),
    missing: missing.map((column) => column.from ?? column.name),
  };
}

export function findColumn(source: OpenedSource, wanted: string): string | undefined {
  const exact = source.columns.filter(({ name }) => name === wanted);
  if (exact.length > 1) throw new PoisonInputError(`column ${wanted} occurs ${exact.length} times`);
  if (exact.length === 1) return wanted;
  const similar = source.columns.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (similar.length > 1)
    throw new PoisonInputError(
      `column ${wanted} is ambiguous: ${similar.map(({ name }) => name).join(', ')}`,
    );
  return similar[0]?.name;
}

function preview(names: readonly string[]): string {
  return names.length <= 20
    ? names.join(', ')
    : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`;
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
    typedRows(config, source, match),
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

function typedRows(config: SummaryConfig, source: OpenedSource, { from }: ColumnMatch): string {
  const fieldBytes = parseByteSize(config.limits.fieldBytes);
  const present = [...new Set(from.filter((name) => name !== undefined))];
  const plans = config.columns.map((column, at) => {
    const name = from[at];
    if (name === undefined) return { column, raw: `r${at}`, typing: undefined };
    const sourceType = source.columns.find((candidate) => candidate.name === name)?.type ?? 'TEXT';
    return {
      column,
      raw: `r${at}`,
      typing: typing({ column, sourceType, source: `s${present.indexOf(name)}`, raw: `r${at}`, fieldBytes }),
    };
  });
  const cast = plans.flatMap(({ raw, typing: t }) => (t === undefined ? [] : [`${t.cast} AS ${raw}`]));
  const judged = plans.flatMap(({ raw, typing: t }) =>
    t === undefined
      ? []
      : [`CASE WHEN ${t.unknown} THEN NULL WHEN ${t.present} THEN ${t.valid} END AS ok_${raw}`],
  );
  const faults = plans.flatMap(({ column, raw, typing: t }) =>
    t === undefined ? [] : [`CASE WHEN NOT ok_${raw} THEN ${fault(column.name, t.reason)} END`],
  );
  const values = plans.map(({ column, raw, typing: t }) =>
    t === undefined
      ? `CAST(NULL AS ${sqlType(column.type)}) AS ${identifier(column.name)}`
      : `CASE WHEN ok_${raw} THEN ${t.value} END AS ${identifier(column.name)}`,
  );
  return (
    `SELECT pw_row, coalesce(NULL, ${faults.join(', ')}) AS pw_fault, ${values.join(', ')} FROM ` +
    `(SELECT *, ${judged.join(', ')} FROM (SELECT *, ${cast.join(', ')} FROM (${source.select(present)})))`
  );
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

function fault(column: string, reason: string): string {
  return text(`${column}\x1f${reason}`);
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
