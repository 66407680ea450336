import { UnsupportedFeatureError } from '../errors.ts';
import type { Dialect } from './dialect.ts';
import { sparkIdentifier, sparkText } from './sql.ts';

/** Iceberg's `timestamp` has no zone, and Spark's TIMESTAMP has one. */
const types: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INT',
  long: 'BIGINT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP_NTZ',
  string: 'STRING',
};

/** Spark SQL 3.5 with `spark.sql.ansi.enabled`, so that a cast or a sum that does not fit fails as in DuckDB. */
export const spark: Dialect = {
  name: 'spark',
  identifier: sparkIdentifier,
  column: (alias, name) => `${alias}.${sparkIdentifier(name)}`,
  text: sparkText,

  type: typeName,
  cast: (value, type) => `CAST(${value} AS ${typeName(type)})`,
  castList: (value, element) => `CAST(${value} AS ARRAY<${typeName(element)}>)`,

  digestNumber: (value) => `CAST(conv(substr(md5(CAST(${value} AS BINARY)), 1, 7), 16, 10) AS INT)`,
  quotient: (dividend, divisor) => `${dividend} div ${divisor}`,
  wide: (value) => `CAST(${value} AS DECIMAL(38,0))`,
  wideSum: (value) => `sum(CAST(${value} AS DECIMAL(38,0)))`,
  timestampOf: (ms) => `CAST(timestamp_millis(${ms}) AS TIMESTAMP_NTZ)`,
  monthOf: (timestamp) => `trunc(CAST(${timestamp} AS DATE), 'MM')`,
  minBy: (value, by) => `min_by(${value}, ${by})`,
  maxBy: (value, by) => `max_by(${value}, ${by})`,
  record: (fields) =>
    `named_struct(${Object.entries(fields)
      .map(([name, value]) => `${sparkText(name)}, ${value}`)
      .join(', ')})`,

  list: (items) => `array(${items.join(', ')})`,
  entry: (list, position) => `get(${list}, ${minus(position, 1)})`,
  slice: (list, from, to) => `slice(${list}, ${from}, ${lengthOf(from, to)})`,
  // concat of a NULL is NULL.
  concat: (lists) => `concat(${lists.map((list) => `coalesce(${list}, array())`).join(', ')})`,
  resized: (list, length, element) =>
    `slice(concat(coalesce(${list}, array()), array_repeat(CAST(NULL AS ${typeName(element)}), ${length})), 1, ${length})`,
  position: (list, value) => `nullif(array_position(${list}, ${value}), 0)`,
  // collect_list leaves NULLs out, but not structs of NULL.
  collected: (value) => `transform(collect_list(named_struct('v', ${value})), e -> e.v)`,
  mapped: (list, body) => `transform(${list}, e -> ${body('e')})`,
  placed: (list, body) => `transform(${list}, (e, i) -> ${body('e', '(i + 1)')})`,
  kept: (list, is) => `filter(${list}, e -> ${is('e')})`,
  some: (list, is) => `exists(${list}, e -> ${is('e')})`,
  replaced: (list, over, { at, value }) =>
    `aggregate(${over}, ${list}, (a, e) -> concat(slice(a, 1, ${minus(at('e'), 1)}), array(${value('e')}), slice(a, ${at('e')} + 1, size(a))))`,
  length: (list) => `size(${list})`,
  numbers: (from, to) => `sequence(${from}, ${to})`,
  largest: (list) => `array_max(${list})`,
  sorted: (list) => `sort_array(${list})`,
  // Text that is parsed once: so many literals would be so many expressions.
  constants: (values, type) =>
    `from_json('[${values.map((value) => value ?? 'null').join(',')}]', 'ARRAY<${typeName(type)}>')`,
  unnested: (lists) =>
    `inline(arrays_zip(${Object.values(lists).join(', ')})) AS (${Object.keys(lists).join(', ')})`,
  joined: (list, separator) => `array_join(${list}, ${sparkText(separator)})`,

  printed: (format, values) => `format_string(${[sparkText(format), ...values].join(', ')})`,

  // xxhash64 leaves NULLs out, in lists too.
  rowHash: (values, lists) =>
    `xxhash64(${[
      ...values.flatMap((value) => [`isnull(${value})`, value]),
      ...lists.flatMap((list) => [`isnull(${list})`, list, `transform(${list}, e -> isnull(e))`]),
    ].join(', ')})`,
  few: (alias) => `/*+ BROADCAST(${alias}) */ `,

  keep: (name, select) => `CACHE TABLE ${name} AS ${select}`,
};

function minus(value: string | number, less: number): string {
  return typeof value === 'number' ? String(value - less) : `CAST(${value} AS INT) - ${less}`;
}

function lengthOf(from: string | number, to: string | number): string {
  if (typeof from === 'number' && typeof to === 'number') return String(Math.max(0, to - from + 1));
  return `greatest(0, CAST((${to}) - (${from}) + 1 AS INT))`;
}

function typeName(type: string): string {
  if (type.startsWith('decimal(')) return type.toUpperCase();
  const found = types[type];
  if (found === undefined) throw new UnsupportedFeatureError(`no table of ours has columns of type ${type}`);
  return found;
}
