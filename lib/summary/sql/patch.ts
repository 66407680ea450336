import type { Dialect } from '../../engine/dialect.ts';
import { changedRun, type SummaryShape } from '../tables/columns.ts';
import { gridText } from './arrays.ts';
import { shownValue } from './feed.ts';
import { type Felt, feltAnywhere, feltAt } from './felt.ts';
import { payload, storedRegisters } from './names.ts';

/**
 * Changing stored rows. A change set holds, per key and month, what became of the month; `c` has one row per key
 * with lists over its changed months, `o` the change of the row's own month.
 */

export interface PatchOptions {
  readonly dialect: Dialect;
  readonly shape: SummaryShape;
  /** Month number of every row in `from`, or the column of `r` that has each row's own. */
  readonly month: number | { readonly column: string };
  /** Changed months in [month - (H - 1), month - 1] that can concern these rows; of rows of many months any months. */
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
export function listsFromChanges(dialect: Dialect, shape: SummaryShape): string {
  const { collected, identifier } = dialect;
  const lists = shape.histories.map(
    ({ from }, index) => `${collected(`CASE WHEN pw_alive THEN ${identifier(from)} END`)} AS pw_v${index}`,
  );
  return dialect.keep(
    changeTables.lists,
    `SELECT pw_key, ${collected('pw_month')} AS pw_months, ${collected('pw_version')} AS pw_versions${lists
      .map((list) => `, ${list}`)
      .join('')} FROM ${changeTables.all} WHERE pw_set GROUP BY pw_key`,
  );
}

/** SELECT of all stored columns of the rows of one month, changed where a change concerns them. */
export function patched(options: PatchOptions): string {
  const { dialect, shape } = options;
  const { identifier, column: of } = dialect;
  const felt = feltBy(options);
  const inner = innerSelect(options, felt);
  const touched = options.carry ? 'r.pw_touched' : undefined;
  const when = (value: string, old: string) =>
    touched === undefined ? value : `CASE WHEN ${touched} THEN ${value} ELSE ${old} END`;

  const scalars = shape.scalars.map((column) => {
    const old = of('r', column.name);
    if (column.name === shape.key.name || column.name === shape.month.name)
      return [column.name, dialect.cast(old, column.icebergType)];
    const own = `r.${identifier(`pw_oc_${column.name}`)}`;
    let value = `CASE WHEN r.pw_o_rec THEN ${own} ELSE ${old} END`;
    // greatest(stored, newest record that changed any column of the row)
    if (column.name === shape.version.name)
      value = `greatest(${[old, 'CASE WHEN r.pw_o_own THEN r.pw_o_newest END', ...felt.versions('r.')].join(', ')})`;
    if (column.name === shape.deleteColumn) {
      value = `CASE WHEN r.pw_o_own AND NOT r.pw_o_alive THEN ${dialect.cast('r.pw_o_code', column.icebergType)} WHEN r.pw_o_rec THEN ${own} ELSE ${old} END`;
    }
    value =
      shownValue(shape, column, { own: 'r.pw_o_own', date: 'r.pw_o_date', code: 'r.pw_o_code' }, old) ??
      value;
    return [column.name, dialect.cast(value, column.icebergType)];
  });
  const arrays = shape.histories.map((column, index) => {
    const old = of('r', column.name);
    const first = `CASE WHEN r.pw_o_rec THEN r.${identifier(`pw_oc_${column.from}`)} ELSE ${dialect.entry(old, 1)} END`;
    const value = felt.array({ index, element: column.elementIcebergType, old, first }, 'r.');
    return [column.name, dialect.castList(when(value, old), column.elementIcebergType)];
  });
  const system = shape.system.map((column) => {
    const old = of('r', column.name);
    const value =
      column.name === changedRun
        ? when(dialect.text(options.runId), old)
        : `CASE WHEN r.pw_o_own THEN r.${identifier(`pw_oc_${column.name}`)} ELSE ${old} END`;
    return [column.name, dialect.cast(value, column.icebergType)];
  });
  const list = [...scalars, ...arrays, ...system].map(
    ([name, value]) => `${value} AS ${identifier(name ?? '')}`,
  );
  const keep = (options.keep ?? []).map((column) => `r.${column}`);
  const base = `SELECT ${[...list, ...keep, ...shape.grids.map((grid) => `r.${identifier(grid.name)} AS ${identifier(`pw_g_${grid.name}`)}`), 'r.pw_touched'].join(', ')} FROM (${inner}) AS r`;
  return withGrids(options, base);
}

/** Grids are made of the new arrays, so they need a SELECT of their own. */
function withGrids(options: PatchOptions, base: string): string {
  const { dialect, shape } = options;
  const { identifier } = dialect;
  const names = [...shape.scalars, ...shape.histories].map((column) => identifier(column.name));
  const grids = shape.grids.map((grid) => {
    const fresh = gridText(dialect, grid, identifier(grid.history));
    const value = options.carry
      ? `CASE WHEN pw_touched THEN ${fresh} ELSE ${identifier(`pw_g_${grid.name}`)} END`
      : fresh;
    return `${dialect.cast(value, 'string')} AS ${identifier(grid.name)}`;
  });
  const system = shape.system.map((column) => identifier(column.name));
  return `SELECT ${[...names, ...grids, ...system, ...(options.keep ?? [])].join(', ')} FROM (${base})`;
}

/** Rows with their changes beside them: `pw_p<month>` is the index of that month in the key's lists. */
function innerSelect(options: PatchOptions, felt: Felt): string {
  const { dialect, shape, month, months, carry } = options;
  const { identifier, column: of } = dialect;
  const key = of('r', shape.key.name);
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
  const anyChange = ['coalesce(o.pw_own, false)', ...felt.any].join(' OR ');
  const lists = months.length === 0 ? '' : `LEFT JOIN ${changeTables.lists} AS c ON c.pw_key = ${key} `;
  const owns =
    typeof month === 'number'
      ? `(SELECT * FROM ${changeTables.all} WHERE pw_own AND pw_month = ${month}) AS o ON o.pw_key = ${key}`
      : `(SELECT * FROM ${changeTables.all} WHERE pw_own) AS o ON o.pw_key = ${key} AND o.pw_month = r.${month.column}`;
  const rows = `SELECT r.*, ${[...felt.columns, ...own].join(', ')}, (${anyChange}) AS pw_touched FROM ${options.from} AS r ${lists}LEFT JOIN ${owns}`;
  const where = options.where === undefined ? '' : ` WHERE ${options.where}`;
  return carry ? `${rows}${where}` : `SELECT * FROM (${rows}${where}) WHERE pw_touched`;
}

function feltBy({ dialect, shape, month, months }: PatchOptions): Felt {
  if (typeof month === 'number') return feltAt(dialect, shape, month, months);
  return months.length === 0
    ? feltAt(dialect, shape, 0, [])
    : feltAnywhere(dialect, shape, `r.${month.column}`, months);
}
