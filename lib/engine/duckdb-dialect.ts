import { UnsupportedFeatureError } from '../errors.ts';
import type { Dialect } from './dialect.ts';
import { identifier, text } from './sql.ts';

const types: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  string: 'VARCHAR',
};

export const duckDb: Dialect = {
  name: 'duckdb',
  identifier,
  column: (alias, name) => `${alias}.${identifier(name)}`,
  text,

  type: typeName,
  cast: (value, type) => `${value}::${typeName(type)}`,
  castList: (value, element) => `${value}::${typeName(element)}[]`,

  digestNumber: (value) => `CAST('0x' || substr(md5(${value}), 1, 7) AS INTEGER)`,
  quotient: (dividend, divisor) => `${dividend} // ${divisor}`,
  wide: (value) => `CAST(${value} AS HUGEINT)`,
  wideSum: (value) => `sum(${value})`,
  timestampOf: (ms) => `make_timestamp(${ms} * 1000)`,
  monthOf: (timestamp) => `CAST(date_trunc('month', ${timestamp}) AS DATE)`,
  minBy: (value, by) => `arg_min(${value}, ${by})`,
  maxBy: (value, by) => `arg_max(${value}, ${by})`,
  record: (fields) =>
    `{${Object.entries(fields)
      .map(([name, value]) => `${text(name)}: ${value}`)
      .join(', ')}}`,

  list: (items) => `[${items.join(', ')}]`,
  entry: (list, position) => `${list}[${position}]`,
  slice: (list, from, to) => `${list}[${from} : ${to}]`,
  concat: (lists) => `list_concat(${lists.join(', ')})`,
  resized: (list, length, element) => `list_resize(coalesce(${list}, []::${typeName(element)}[]), ${length})`,
  position: (list, value) => `list_position(${list}, ${value})`,
  collected: (value) => `list(${value})`,
  mapped: (list, body) => `list_transform(${list}, lambda e: ${body('e')})`,
  placed: (list, body) => `list_transform(${list}, lambda e, i: ${body('e', 'i')})`,
  kept: (list, is) => `list_filter(${list}, lambda e: ${is('e')})`,
  some: (list, is) => `len(list_filter(${list}, lambda e: ${is('e')})) > 0`,
  replaced: (list, over, { at, value }) => {
    const here = `list_filter(${over}, lambda e: ${at('e')} = i)`;
    return `list_transform(${list}, lambda o, i: CASE WHEN len(${here}) > 0 THEN ${value(`(${here})[1]`)} ELSE o END)`;
  },
  length: (list) => `len(${list})`,
  numbers: (from, to) => `range(${from}, ${to} + 1)`,
  largest: (list) => `list_max(${list})`,
  sorted: (list) => `list_sort(${list})`,
  constants: (values, type) =>
    `CAST('[${values.map((value) => value ?? 'NULL').join(',')}]' AS ${typeName(type)}[])`,
  unnested: (lists) =>
    Object.entries(lists)
      .map(([name, list]) => `unnest(${list}) AS ${name}`)
      .join(', '),
  joined: (list, separator) => `array_to_string(${list}, ${text(separator)})`,

  printed: (format, values) => `printf(${[text(format), ...values].join(', ')})`,

  // To hash(), no list, an empty one and one of a NULL are the same.
  rowHash: (values, lists) =>
    `hash(${[...values, ...lists.flatMap((list) => [list, `len(${list})`])].join(', ')})`,
  few: () => '',

  keep: (name, select) => `CREATE OR REPLACE TEMP TABLE ${name} AS ${select}`,
};

function typeName(type: string): string {
  if (type.startsWith('decimal(')) return type.toUpperCase();
  const found = types[type];
  if (found === undefined) throw new UnsupportedFeatureError(`no table of ours has columns of type ${type}`);
  return found;
}
