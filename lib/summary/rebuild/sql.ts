import { duckDb } from '../../engine/duckdb-dialect.ts';
import { identifier, text, textList } from '../../engine/sql.ts';
import { gridText } from '../sql/arrays.ts';
import { storedAlive } from '../sql/feed.ts';
import { of } from '../sql/names.ts';
import { changedRun, type SummaryShape, storedNames } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';

/**
 * Arrays from the values of the months' own rows. Tables of the session, in order: pw_gathered (the rows of the keys, with
 * what they are worth), pw_values (what each month is worth), pw_lines (that as one list per key and array), pw_rebuilt
 * (rows whose arrays or grids are not what the lines say, with the arrays as they must be).
 */

/** `pw_places` (pw_file, pw_pos): where the rows of the keys lie. @param rows scan of the key */
export function placesTable(shape: SummaryShape, rows: string, keys: readonly string[]): string {
  const values = keys.map((one) => `${text(one)}::${shape.key.sqlType}`);
  return `CREATE OR REPLACE TEMP TABLE pw_places AS SELECT s.pw_file, s.pw_pos FROM ${rows} AS s WHERE ${of('s', shape.key.name)} IN (${values.join(', ')})`;
}

/** `pw_gathered`: place, month, whether it is alive, own values (pw_w<i>), arrays (pw_o<i>) and grids (pw_g<j>) of each row. */
export function gatheredTable(shape: SummaryShape, rows: string): string {
  return `CREATE OR REPLACE TEMP TABLE pw_gathered AS SELECT ${gatheredColumns(shape).join(', ')} FROM ${rows} AS s`;
}

/** The same rows, with pw_slice, the part of the keys that they belong to: 0 to `count` - 1. */
export function gatheredRows(shape: SummaryShape, rows: string, count: number): string {
  const slice = `(hash(${of('s', shape.key.name)}) % ${count})::INTEGER AS pw_slice`;
  return `SELECT ${[...gatheredColumns(shape), slice].join(', ')} FROM ${rows} AS s`;
}

/** `pw_gathered` of one slice, from what was written of it. */
export function sliceTable(paths: readonly string[]): string {
  return `CREATE OR REPLACE TEMP TABLE pw_gathered AS SELECT * FROM read_parquet(${textList(paths)}, hive_partitioning = false)`;
}

function gatheredColumns(shape: SummaryShape): readonly string[] {
  return [
    `${of('s', shape.key.name)} AS pw_key`,
    's.pw_month',
    's.pw_file',
    's.pw_pos',
    `${storedAlive(duckDb, shape, 's')} AS pw_alive`,
    ...shape.histories.map(({ from, name }, index) => `${ownValue(shape, from, name)} AS pw_w${index}`),
    ...shape.histories.map(({ name }, index) => `${of('s', name)} AS pw_o${index}`),
    ...shape.grids.map(({ name }, index) => `${of('s', name)} AS pw_g${index}`),
  ];
}

export const gatheredTwice = `SELECT pw_key::VARCHAR AS key, pw_month FROM pw_gathered GROUP BY pw_key, pw_month HAVING count(*) > 1 ORDER BY ALL LIMIT 1`;

/** What the row's own record says, which a delete or the deletions feed may not show. */
function ownValue(shape: SummaryShape, from: string, array: string): string {
  if (from === shape.feed?.date.name) return of('s', feedNames.recordDate);
  if (from === shape.feed?.code.name) return of('s', feedNames.recordCode);
  if (from !== shape.deleteColumn) return of('s', from);
  // A deleted row shows the delete's code; its record's stands in the array alone.
  return `CASE WHEN ${storedAlive(duckDb, shape, 's')} THEN ${of('s', from)} ELSE ${of('s', array)}[1] END`;
}

/**
 * `pw_values` (pw_key, pw_month, pw_v<i>): a stored month is worth its row's own value, NULL when it is deleted; a month
 * between stored ones what the next later row knows of it.
 */
export function valuesTable(shape: SummaryShape): string {
  const length = shape.historyLength;
  const pieces = shape.histories.map(({ elementSqlType, elementIcebergType }, index) => {
    const piece = `list_concat([CASE WHEN pw_alive THEN pw_w${index} END], coalesce(pw_o${index}, []::${elementSqlType}[])[2 : ${length}])`;
    return `${duckDb.resized(piece, 'pw_gap', elementIcebergType)} AS pw_v${index}`;
  });
  const values = shape.histories.map((_, index) => `unnest(pw_v${index}) AS pw_v${index}`);
  const gap = `least(coalesce(pw_month - lag(pw_month) OVER (PARTITION BY pw_key ORDER BY pw_month), ${length}), ${length})`;
  return `CREATE OR REPLACE TEMP TABLE pw_values AS SELECT ${['pw_key', 'pw_month - unnest(range(pw_gap))::INTEGER AS pw_month', ...values].join(', ')}
FROM (SELECT ${['pw_key', 'pw_month', 'pw_gap', ...pieces].join(', ')} FROM (SELECT *, ${gap} AS pw_gap FROM pw_gathered))`;
}

/** `pw_lines`: per key pw_newest and, per array, a list of what its months are worth, from pw_newest down to H - 1 before the oldest row. */
export function linesTable(shape: SummaryShape): string {
  const lists = shape.histories.map(
    (_, index) => `list(v.pw_v${index} ORDER BY g.pw_month DESC) AS pw_v${index}`,
  );
  return `CREATE OR REPLACE TEMP TABLE pw_lines AS
WITH span AS (SELECT pw_key, max(pw_month) AS pw_newest, min(pw_month) - ${shape.historyLength - 1} AS pw_oldest FROM pw_gathered GROUP BY pw_key),
grid AS (SELECT pw_key, pw_newest, unnest(range(pw_oldest, pw_newest + 1))::INTEGER AS pw_month FROM span)
SELECT ${['g.pw_key', 'any_value(g.pw_newest) AS pw_newest', ...lists].join(', ')} FROM grid AS g LEFT JOIN pw_values AS v ON v.pw_key = g.pw_key AND v.pw_month = g.pw_month GROUP BY g.pw_key`;
}

/** An empty `pw_rebuilt` (pw_key, pw_month, pw_file, pw_pos, pw_a<i>). */
export function emptyRebuilt(shape: SummaryShape): string {
  const arrays = shape.histories.map(({ elementSqlType }, index) => `pw_a${index} ${elementSqlType}[]`);
  return `CREATE OR REPLACE TEMP TABLE pw_rebuilt (${[`pw_key ${shape.key.sqlType}`, 'pw_month INTEGER', 'pw_file INTEGER', 'pw_pos BIGINT', ...arrays].join(', ')})`;
}

/** Adds the rows of months [first, last] whose arrays or grids are to be others. */
export function addRebuilt(shape: SummaryShape, first: number, last: number): string {
  const length = shape.historyLength;
  const arrays = shape.histories.map(
    (_, index) =>
      `list_concat([g.pw_w${index}], t.pw_v${index}[t.pw_newest - g.pw_month + 2 : t.pw_newest - g.pw_month + ${length}]) AS pw_a${index}`,
  );
  const differs = [
    ...shape.histories.map((_, index) => `pw_a${index} IS DISTINCT FROM pw_o${index}`),
    ...gridsAfter(shape).map((grid, index) => `${grid} IS DISTINCT FROM pw_g${index}`),
  ];
  const kept = [
    'pw_key',
    'pw_month',
    'pw_file',
    'pw_pos',
    ...shape.histories.map((_, index) => `pw_a${index}`),
  ];
  return `INSERT INTO pw_rebuilt SELECT ${kept.join(', ')} FROM (SELECT ${['g.*', ...arrays].join(', ')} FROM pw_gathered AS g JOIN pw_lines AS t ON t.pw_key = g.pw_key WHERE g.pw_month BETWEEN ${first} AND ${last}) WHERE ${differs.join(' OR ')}`;
}

/** Texts of the grids over the arrays pw_a<i>. */
function gridsAfter(shape: SummaryShape): readonly string[] {
  return shape.grids.map((grid) => gridText(duckDb, grid, `pw_a${arrayOf(shape, grid.history)}`));
}

function arrayOf({ histories }: SummaryShape, name: string): number {
  return histories.findIndex((history) => history.name === name);
}

/** `pw_hit` of the group's files, as `rewriteGroup` wants it. */
export function rebuiltHits(files: readonly number[]): string {
  return `CREATE OR REPLACE TEMP TABLE pw_hit AS SELECT pw_file, pw_pos, pw_key, false AS pw_own FROM pw_rebuilt WHERE pw_file IN (${files.join(', ')})`;
}

/** All stored columns of rows of a scan, with the arrays of `pw_rebuilt` where it has the row. @param kept whether rows that it does not have are wanted, too */
export function rebuiltRows(shape: SummaryShape, rows: string, runId: string, kept: boolean): string {
  const is = 'r.pw_file IS NOT NULL';
  const when = (fresh: string, old: string) =>
    kept ? `CASE WHEN ${is} THEN ${fresh} ELSE ${old} END` : fresh;
  const arrays = new Map(
    shape.histories.map(({ name, elementSqlType }, index) => [name, { index, type: `${elementSqlType}[]` }]),
  );
  const grids = new Map(shape.grids.map((grid) => [grid.name, grid]));
  const columns = storedNames(shape).map((name) => {
    const old = of('s', name);
    const array = arrays.get(name);
    if (array !== undefined)
      return `${when(`r.pw_a${array.index}`, old)}::${array.type} AS ${identifier(name)}`;
    const grid = grids.get(name);
    if (grid !== undefined)
      return `${when(gridText(duckDb, grid, `r.pw_a${arrayOf(shape, grid.history)}`), old)}::VARCHAR AS ${identifier(name)}`;
    return name === changedRun
      ? `${when(text(runId), old)}::VARCHAR AS ${identifier(name)}`
      : `${old} AS ${identifier(name)}`;
  });
  return `SELECT ${columns.join(', ')} FROM ${rows} AS s ${kept ? 'LEFT ' : ''}JOIN pw_rebuilt AS r ON r.pw_file = s.pw_file AND r.pw_pos = s.pw_pos`;
}

/** Counts of the rows in `pw_gathered` that `pw_rebuilt` changes, per array: c<i>. */
export function rebuiltCounts(shape: SummaryShape): string {
  const counts = shape.histories.map(
    (_, index) => `count(*) FILTER (r.pw_a${index} IS DISTINCT FROM g.pw_o${index}) AS c${index}`,
  );
  return `SELECT ${['count(*) AS n', ...counts].join(', ')} FROM pw_rebuilt AS r JOIN pw_gathered AS g ON g.pw_file = r.pw_file AND g.pw_pos = r.pw_pos`;
}

/** Old and new arrays of the first rows that change, as lists of text: o<i>, a<i>. */
export function rebuiltSample(shape: SummaryShape, limit: number): string {
  const lists = shape.histories.flatMap((_, index) => [
    `g.pw_o${index}::VARCHAR[] AS o${index}`,
    `r.pw_a${index}::VARCHAR[] AS a${index}`,
  ]);
  return `SELECT ${['r.pw_key::VARCHAR AS key', 'r.pw_month AS month', ...lists].join(', ')} FROM pw_rebuilt AS r JOIN pw_gathered AS g ON g.pw_file = r.pw_file AND g.pw_pos = r.pw_pos ORDER BY r.pw_key, r.pw_month LIMIT ${limit}`;
}
