import { identifier, text } from '../../engine/sql.ts';
import { changedRun, type SummaryShape } from '../columns.ts';
import { edited, gridText, resized } from './arrays.ts';
import { shownValue } from './feed.ts';
import { of, payload, storedRegisters } from './names.ts';

/**
 * Changing stored rows. A change set holds, per key and month, what became of the month; `c` has one row per key
 * with lists over its changed months, `o` the change of the row's own month.
 */

export interface PatchOptions {
  readonly shape: SummaryShape;
  /** Month number of every row in `from`. */
  readonly month: number;
  /** Changed months in [month - (H - 1), month - 1] that can concern these rows. */
  readonly months: readonly number[];
  /** FROM item with alias `r`: rows with all stored columns (and `keep`). */
  readonly from: string;
  /** Whether rows that no change concerns are returned too, as they are. */
  readonly carry: boolean;
  /** Further columns of `r` to return, quoted SQL. */
  readonly keep?: readonly string[];
  /** Columns of the result by name, in order, with their SQL types. */
  readonly runId: string;
  readonly where?: string;
}

/** Name of the temporary tables that a change set becomes in a session. */
export const changeTables = { all: 'pw_changes', lists: 'pw_lists' } as const;

/** Builds `pw_lists` from `pw_changes`: one row per key, lists in one order, which is any. */
export function listsFromChanges(shape: SummaryShape): string {
  const lists = shape.histories.map(
    ({ from }, index) => `list(CASE WHEN pw_alive THEN ${identifier(from)} END) AS pw_v${index}`,
  );
  return `CREATE OR REPLACE TEMP TABLE ${changeTables.lists} AS SELECT pw_key, list(pw_month) AS pw_months, list(pw_version) AS pw_versions${lists
    .map((list) => `, ${list}`)
    .join('')} FROM ${changeTables.all} WHERE pw_set GROUP BY pw_key`;
}

/** SELECT of all stored columns of the rows of one month, changed where a change concerns them. */
export function patched(options: PatchOptions): string {
  const { shape, months, month } = options;
  const inner = innerSelect(options);
  const touched = options.carry ? 'r.pw_touched' : undefined;
  const when = (value: string, old: string) =>
    touched === undefined ? value : `CASE WHEN ${touched} THEN ${value} ELSE ${old} END`;

  const scalars = shape.scalars.map((column) => {
    const old = of('r', column.name);
    if (column.name === shape.key.name || column.name === shape.month.name)
      return [column.name, old, column.sqlType];
    const own = `r.${identifier(`pw_oc_${column.name}`)}`;
    let value = `CASE WHEN r.pw_o_rec THEN ${own} ELSE ${old} END`;
    if (column.name === shape.version.name) value = newestVersion(options, old);
    if (column.name === shape.deleteColumn) {
      value = `CASE WHEN r.pw_o_own AND NOT r.pw_o_alive THEN r.pw_o_code::${column.sqlType} WHEN r.pw_o_rec THEN ${own} ELSE ${old} END`;
    }
    value =
      shownValue(shape, column, { own: 'r.pw_o_own', date: 'r.pw_o_date', code: 'r.pw_o_code' }, old) ??
      value;
    return [column.name, value, column.sqlType];
  });
  const arrays = shape.histories.map((column, index) => {
    const old = of('r', column.name);
    const first = `CASE WHEN r.pw_o_rec THEN r.${identifier(`pw_oc_${column.from}`)} ELSE ${old}[1] END`;
    const edits = months.map((changed) => ({
      position: month - changed,
      value: (entry: string) =>
        `CASE WHEN r.pw_p${changed} IS NOT NULL THEN r.pw_v${index}[r.pw_p${changed}] ELSE ${entry} END`,
    }));
    // A row older than its column has no array: nothing is known of any month.
    const unknown = resized('NULL', shape.historyLength, column.elementSqlType);
    const [fromNothing, fromOld] = [unknown, old].map((list) =>
      edited(list, first, edits, shape.historyLength),
    );
    const value = `CASE WHEN ${old} IS NULL THEN ${fromNothing} ELSE ${fromOld} END`;
    return [column.name, when(value, old), `${column.elementSqlType}[]`];
  });
  const system = shape.system.map((column) => {
    const old = of('r', column.name);
    if (column.name === changedRun) return [column.name, when(text(options.runId), old), column.sqlType];
    return [
      column.name,
      `CASE WHEN r.pw_o_own THEN r.${identifier(`pw_oc_${column.name}`)} ELSE ${old} END`,
      column.sqlType,
    ];
  });
  const list = [...scalars, ...arrays, ...system].map(
    ([name, value, type]) => `${value}::${type} AS ${identifier(name ?? '')}`,
  );
  const keep = (options.keep ?? []).map((column) => `r.${column}`);
  const base = `SELECT ${[...list, ...keep, ...shape.grids.map((grid) => `r.${identifier(grid.name)} AS ${identifier(`pw_g_${grid.name}`)}`), 'r.pw_touched'].join(', ')} FROM (${inner}) AS r`;
  return withGrids(options, base);
}

/** Grids are made of the new arrays, so they need a SELECT of their own. */
function withGrids(options: PatchOptions, base: string): string {
  const { shape } = options;
  const names = [...shape.scalars, ...shape.histories].map((column) => identifier(column.name));
  const grids = shape.grids.map((grid) => {
    const fresh = gridText(grid, identifier(grid.history));
    const value = options.carry
      ? `CASE WHEN pw_touched THEN ${fresh} ELSE ${identifier(`pw_g_${grid.name}`)} END`
      : fresh;
    return `${value}::VARCHAR AS ${identifier(grid.name)}`;
  });
  const system = shape.system.map((column) => identifier(column.name));
  return `SELECT ${[...names, ...grids, ...system, ...(options.keep ?? [])].join(', ')} FROM (${base})`;
}

/** Rows with their changes beside them: `pw_p<month>` is the index of that month in the key's lists. */
function innerSelect(options: PatchOptions): string {
  const { shape, month, months } = options;
  const key = of('r', shape.key.name);
  const positions = months.map((changed) => `list_position(c.pw_months, ${changed}) AS pw_p${changed}`);
  const values =
    months.length === 0 ? [] : ['c.pw_versions', ...shape.histories.map((_, index) => `c.pw_v${index}`)];
  const own = [
    'coalesce(o.pw_own, false) AS pw_o_own',
    'coalesce(o.pw_rec, false) AS pw_o_rec',
    'o.pw_alive AS pw_o_alive',
    'o.pw_code AS pw_o_code',
    'o.pw_version AS pw_o_newest',
    ...payload(shape).map(
      (column) => `o.${identifier(column.name)} AS ${identifier(`pw_oc_${column.name}`)}`,
    ),
    ...(shape.feed === undefined ? [] : ['o.pw_date AS pw_o_date']),
    ...storedRegisters(shape).map((name) => `o.${identifier(name)} AS ${identifier(`pw_oc_${name}`)}`),
  ];
  const anyChange = [
    'coalesce(o.pw_own, false)',
    ...months.map((changed) => `list_position(c.pw_months, ${changed}) IS NOT NULL`),
  ].join(' OR ');
  const lists = months.length === 0 ? '' : `LEFT JOIN ${changeTables.lists} AS c ON c.pw_key = ${key} `;
  const rows = `SELECT r.*, ${[...positions, ...values, ...own].join(', ')}, (${anyChange}) AS pw_touched FROM ${options.from} AS r ${lists}LEFT JOIN (SELECT * FROM ${changeTables.all} WHERE pw_own AND pw_month = ${month}) AS o ON o.pw_key = ${key}`;
  const where = options.where === undefined ? '' : ` WHERE ${options.where}`;
  return options.carry ? `${rows}${where}` : `SELECT * FROM (${rows}${where}) WHERE pw_touched`;
}

/** greatest(stored, newest record that changed any column of the row). */
function newestVersion(options: PatchOptions, old: string): string {
  const changes = options.months.map(
    (changed) => `CASE WHEN r.pw_p${changed} IS NOT NULL THEN r.pw_versions[r.pw_p${changed}] END`,
  );
  return `greatest(${[old, 'CASE WHEN r.pw_o_own THEN r.pw_o_newest END', ...changes].join(', ')})`;
}
