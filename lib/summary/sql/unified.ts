import { duckDb } from '../../engine/duckdb-dialect.ts';
import { identifier, text } from '../../engine/sql.ts';
import { changedRun, type SummaryShape, storedNames } from '../tables/columns.ts';
import { gridText } from './arrays.ts';
import { batchRow } from './classify.ts';
import { shownInsert, shownValue, standingRegisters, storedAlive } from './feed.ts';
import { monthTextSql } from './months.ts';
import { of, storedRegisters } from './names.ts';

/**
 * The other way to the same rows: gather every stored row of the affected keys, lay each key's months out as one
 * line of values (newest first), put the batch's values in, and cut every row's array out of the line.
 */

/** `pw_gathered`: all stored rows of the keys that the batch changes, with their places. @param rows scan of all columns */
export function gatheredTable(shape: SummaryShape, rows: string): string {
  return `CREATE TEMP TABLE pw_gathered AS SELECT s.* FROM ${rows} AS s WHERE ${of('s', shape.key.name)} IN (SELECT pw_key FROM pw_resolved WHERE is_set OR is_own)`;
}

/**
 * `pw_values` (pw_key, pw_month, pw_v0, …): what each month is worth before the batch: a stored month its own value,
 * NULL when deleted; a month between stored ones what the next later row knows of it.
 */
export function valuesTable(shape: SummaryShape): string {
  const length = shape.historyLength;
  const key = of('g', shape.key.name);
  const isAlive = storedAlive(duckDb, shape, 'g');
  const gap = `least(coalesce(g.pw_month - lag(g.pw_month) OVER (PARTITION BY ${key} ORDER BY g.pw_month), ${length}), ${length})`;
  const pieces = shape.histories.map((column, index) => {
    const array = of('g', column.name);
    const piece = `list_concat([CASE WHEN ${isAlive} THEN ${array}[1] END], ${array}[2 : ${length}])`;
    return `${duckDb.resized(piece, 'pw_gap', column.elementIcebergType)} AS pw_v${index}`;
  });
  const values = shape.histories.map((_, index) => `unnest(pw_v${index}) AS pw_v${index}`);
  return `CREATE TEMP TABLE pw_values AS SELECT pw_key, pw_month - unnest(range(pw_gap))::INTEGER AS pw_month, ${values.join(', ')} FROM (SELECT ${key} AS pw_key, g.pw_month, pw_gap, ${pieces.join(', ')} FROM (SELECT g.*, ${gap} AS pw_gap FROM pw_gathered AS g) AS g)`;
}

/**
 * `pw_lines`: per key, pw_newest and one list per array column, entry 1 for month pw_newest, down to H - 1 months
 * before the oldest. Needs `pw_changes` of all changed months.
 */
export function linesTable(shape: SummaryShape): string {
  const length = shape.historyLength;
  const columns = shape.histories.map((_, index) => `pw_v${index}`);
  const changed = shape.histories.map(
    ({ from }, index) => `CASE WHEN pw_alive THEN ${identifier(from)} END AS pw_v${index}`,
  );
  const chosen = columns.map(
    (name) => `CASE WHEN c.pw_key IS NOT NULL THEN c.${name} ELSE v.${name} END AS ${name}`,
  );
  const lists = columns.map((name) => `list(${name} ORDER BY pw_month DESC) AS ${name}`);
  return `CREATE TEMP TABLE pw_lines AS
WITH changed AS (SELECT pw_key, pw_month, ${changed.join(', ')} FROM pw_changes WHERE pw_set),
span AS (
  SELECT pw_key, max(pw_month) AS pw_newest, min(pw_month) - ${length - 1} AS pw_oldest FROM (
    SELECT pw_key, pw_month FROM pw_values UNION ALL SELECT pw_key, pw_month FROM pw_changes
  ) GROUP BY pw_key
), grid AS (
  SELECT pw_key, pw_newest, unnest(range(pw_oldest, pw_newest + 1))::INTEGER AS pw_month FROM span
), filled AS (
  SELECT g.pw_key, g.pw_newest, g.pw_month, ${chosen.join(', ')} FROM grid AS g
  LEFT JOIN pw_values AS v ON v.pw_key = g.pw_key AND v.pw_month = g.pw_month
  LEFT JOIN changed AS c ON c.pw_key = g.pw_key AND c.pw_month = g.pw_month
)
SELECT pw_key, pw_newest, ${lists.join(', ')} FROM filled GROUP BY pw_key, pw_newest`;
}

/**
 * `pw_final`: every row of the affected keys as it is afterwards, all stored columns, with pw_month, pw_kind
 * (`insert`, `changed`, `kept`), pw_own and, for stored ones, pw_file and pw_pos.
 */
export function finalTable(shape: SummaryShape, runId: string): string {
  const length = shape.historyLength;
  const key = shape.key.name;
  const stored = shape.scalars.map((column) => {
    const name = identifier(column.name);
    if (column.name === key || column.name === shape.month.name) return `g.${name}`;
    if (column.name === shape.version.name)
      return `greatest(g.${name}, o.pw_version, f.pw_version) AS ${name}`;
    const shown = shownValue(
      shape,
      column,
      { own: 'o.pw_own', date: 'o.pw_date', code: 'o.pw_code' },
      `g.${name}`,
    );
    if (shown !== undefined) return `${shown} AS ${name}`;
    if (column.name === shape.deleteColumn) {
      return `CASE WHEN o.pw_own AND NOT o.pw_alive THEN o.pw_code::${column.sqlType} WHEN o.pw_rec THEN o.${name} ELSE g.${name} END AS ${name}`;
    }
    return `CASE WHEN o.pw_rec THEN o.${name} ELSE g.${name} END AS ${name}`;
  });
  const cut = (index: number, month: string) =>
    `t.pw_v${index}[t.pw_newest - ${month} + 2 : t.pw_newest - ${month} + ${length}]`;
  const storedArrays = shape.histories.map((column, index) => {
    const old = of('g', column.name);
    const first = `CASE WHEN o.pw_rec THEN ${of('o', column.from)} ELSE ${old}[1] END`;
    return `CASE WHEN o.pw_own OR f.pw_key IS NOT NULL THEN list_concat([${first}], ${cut(index, 'g.pw_month')}) ELSE ${old} END AS ${identifier(column.name)}`;
  });
  const registers = storedRegisters(shape).map(
    (name) =>
      `CASE WHEN o.pw_own THEN o.${identifier(name)} ELSE g.${identifier(name)} END AS ${identifier(name)}`,
  );
  const grids = shape.grids.map((grid) => `g.${identifier(grid.name)} AS ${identifier(`pw_g_${grid.name}`)}`);
  const touched = '(o.pw_own IS NOT NULL OR f.pw_key IS NOT NULL)';
  const changed = `SELECT ${[...stored, ...storedArrays, ...registers, ...grids, `CASE WHEN ${touched} THEN ${text(runId)} ELSE g.${identifier(changedRun)} END AS ${identifier(changedRun)}`].join(', ')},
  g.pw_month, CASE WHEN ${touched} THEN 'changed' ELSE 'kept' END AS pw_kind, o.pw_own IS NOT NULL AS pw_is_own, g.pw_file, g.pw_pos
FROM pw_gathered AS g
LEFT JOIN pw_lines AS t ON t.pw_key = ${of('g', key)}
LEFT JOIN (SELECT * FROM pw_changes WHERE pw_own) AS o ON o.pw_key = ${of('g', key)} AND o.pw_month = g.pw_month
LEFT JOIN (
  SELECT g.pw_key, g.pw_month, max(c.pw_version) AS pw_version FROM (SELECT ${of('pw_gathered', key)} AS pw_key, pw_month FROM pw_gathered) AS g
  JOIN pw_changes AS c ON c.pw_key = g.pw_key AND c.pw_set AND c.pw_month < g.pw_month AND c.pw_month > g.pw_month - ${length} GROUP BY g.pw_key, g.pw_month
) AS f ON f.pw_key = ${of('g', key)} AND f.pw_month = g.pw_month`;

  const fresh = shape.scalars.map((column) => {
    const name = identifier(column.name);
    if (column.name === shape.month.name) return `${monthTextSql(duckDb, 'r.pw_month')} AS ${name}`;
    const value = of('n', column.name);
    const shown = shownInsert(shape, column, 'r');
    if (shown !== undefined) return `${shown} AS ${name}`;
    return column.name === shape.deleteColumn
      ? `CASE WHEN r.alive_after THEN ${value} ELSE r.code_after::${column.sqlType} END AS ${name}`
      : `${value} AS ${name}`;
  });
  const freshArrays = shape.histories.map(
    (column, index) =>
      `list_concat([${of('n', column.from)}], ${cut(index, 'r.pw_month')}) AS ${identifier(column.name)}`,
  );
  const freshRegisters = standingRegisters(duckDb, shape, 'r');
  const noGrids = shape.grids.map((grid) => `NULL AS ${identifier(`pw_g_${grid.name}`)}`);
  const inserted = `SELECT ${[...fresh, ...freshArrays, ...freshRegisters, ...noGrids, `${text(runId)} AS ${identifier(changedRun)}`].join(', ')},
  r.pw_month, 'insert' AS pw_kind, false AS pw_is_own, NULL::INTEGER AS pw_file, NULL::BIGINT AS pw_pos
FROM pw_resolved AS r JOIN pw_batch AS n ON ${batchRow(duckDb, 'n')} = r.n_row JOIN pw_lines AS t ON t.pw_key = r.pw_key WHERE r.is_insert`;
  return `CREATE TEMP TABLE pw_final AS SELECT ${finalColumns(shape)}, pw_month, pw_kind, pw_is_own, pw_file, pw_pos FROM (${changed} UNION ALL ${inserted})`;
}

function finalColumns(shape: SummaryShape): string {
  const columns = [
    ...shape.scalars.map(({ name, sqlType }) => [name, sqlType]),
    ...shape.histories.map(({ name, elementSqlType }) => [name, `${elementSqlType}[]`]),
  ].map(([name, type]) => `${identifier(name ?? '')}::${type} AS ${identifier(name ?? '')}`);
  const grids = shape.grids.map(
    (grid) =>
      `CASE WHEN pw_kind = 'kept' THEN ${identifier(`pw_g_${grid.name}`)} ELSE ${gridText(duckDb, grid, identifier(grid.history))} END::VARCHAR AS ${identifier(grid.name)}`,
  );
  const system = shape.system.map(
    ({ name, sqlType }) => `${identifier(name)}::${sqlType} AS ${identifier(name)}`,
  );
  return [...columns, ...grids, ...system].join(', ');
}

/** All stored columns of some of the final rows. */
export function finalRows(shape: SummaryShape, where: string): string {
  return `SELECT ${storedNames(shape).map(identifier).join(', ')} FROM pw_final WHERE ${where}`;
}

/** `pw_hit` of one month's files. */
export function finalHits(shape: SummaryShape, files: readonly number[]): string {
  return `CREATE OR REPLACE TEMP TABLE pw_hit AS SELECT pw_file, pw_pos, ${identifier(shape.key.name)} AS pw_key, pw_is_own AS pw_own FROM pw_final WHERE pw_kind = 'changed' AND pw_file IN (${files.join(', ')})`;
}
