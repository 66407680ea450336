import { columnNames, type Shape } from '../generators/shape.ts';

/**
 * For `writeForeign`: the rows for which `some` holds get arrays in which every other month that has a row is worth
 * something else. What an array knows of months without a row stays, since nobody could tell it again.
 */
export function staleArrays(shape: Shape, rows: string, table: string, some: string): string {
  const { key, month } = columnNames;
  const number = (of: string) => `(left(${of}, 4)::INTEGER * 12 + right(${of}, 2)::INTEGER)`;
  const stale = shape.history.map(({ name }) => {
    const array = `r.${name}_history`;
    const entry = `CASE WHEN i > 1 AND list_contains(known.months, ${number(`r.${month}`)} - i::INTEGER + 1) THEN ${array}[1] ELSE ${array}[i] END`;
    return `CASE WHEN ${some} THEN list_transform(range(1, ${shape.historyLength + 1}), lambda i: ${entry}) ELSE ${array} END AS ${name}_history`;
  });
  return `SELECT r.* REPLACE (${stale.join(', ')}) FROM ${rows} AS r JOIN (SELECT ${key} AS k, list(${number(month)}) AS months FROM ${table} GROUP BY ${key}) AS known ON known.k = r.${key}`;
}
