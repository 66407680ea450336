import type { Dialect } from '../../engine/dialect.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import { identifier, text } from '../../engine/sql.ts';
import { changedRun, type SummaryShape } from '../tables/columns.ts';
import { edited, gridText, tailFromNeighbours } from './arrays.ts';
import { batchRow } from './classify.ts';
import { shownInsert, standingRegisters } from './feed.ts';
import { monthText } from './months.ts';
import { of } from './names.ts';
import { changeTables } from './patch.ts';

/**
 * New rows of months that were not stored. `pw_ins` has one row per such (key, month) with the months of its nearest
 * stored neighbours; `pw_src` has those neighbours' arrays.
 */

/** @param needsNeighbours whether `pw_near` exists: neighbours that had to be looked for */
export function insertsTable(dialect: Dialect, needsNeighbours: boolean): string {
  const near = needsNeighbours
    ? 'LEFT JOIN pw_near AS x ON x.pw_key = r.pw_key AND x.pw_month = r.pw_month'
    : '';
  const earlier = needsNeighbours ? 'WHEN x.pw_key IS NOT NULL THEN x.earlier ' : '';
  const later = needsNeighbours ? 'x.later' : `${dialect.cast('NULL', 'int')} AS later`;
  return dialect.keep(
    'pw_ins',
    `SELECT r.*, CASE ${earlier}WHEN r.known AND r.pw_month > r.newest THEN r.newest END AS earlier,
${later} FROM pw_resolved AS r ${near} WHERE r.is_insert`,
  );
}

/** Inserts whose neighbours latest cannot tell: past ones, and forward ones behind deleted months. */
export const searchedInserts =
  'SELECT pw_key, pw_month FROM pw_resolved WHERE is_insert AND known AND (pw_month <= newest OR newest <> lat_month)';

interface InsertOptions {
  readonly shape: SummaryShape;
  readonly month: number;
  /** Other changed months of the batch in [month - (H - 1), month - 1]. */
  readonly months: readonly number[];
  /** Whether any insert of the month has a stored neighbour on that side. */
  readonly hasEarlier: boolean;
  readonly hasLater: boolean;
  readonly runId: string;
  /** Keys that are meant: all, those with stored rows, or those without, whose arrays come from `pw_lines` alone. */
  readonly keys: 'all' | 'known' | 'new';
  /** Month of entry 1 of the lists in `pw_lines`; needed for `new`. */
  readonly lineStart?: number;
}

/**
 * `pw_lines`: per key without stored rows and per array column the batch's values of the months [first, last],
 * newest first. An array of such a key is one slice of its line.
 */
export function newKeyLines(shape: SummaryShape, first: number, last: number): string {
  const values = shape.histories.map(
    ({ from }, index) => `CASE WHEN c.pw_alive THEN ${of('c', from)} END AS pw_l${index}`,
  );
  // An aggregate with ORDER BY of its own keeps a sort buffer per group and list, 100 times the values; a list of
  // structs is sorted once, by its first field.
  const entry = ['m: pw_month', ...shape.histories.map((_, index) => `v${index}: pw_l${index}`)];
  const lists = shape.histories.map(
    (_, index) => `list_transform(pw_line, lambda x: x.v${index}) AS pw_l${index}`,
  );
  return `CREATE TEMP TABLE pw_lines AS SELECT pw_key, ${lists.join(', ')} FROM (
SELECT pw_key, list_reverse_sort(list({${entry.join(', ')}})) AS pw_line FROM (
SELECT k.pw_key, m.pw_month, ${values.join(', ')} FROM (SELECT DISTINCT pw_key FROM pw_ins WHERE NOT known) AS k
CROSS JOIN (SELECT unnest(range(${first}, ${last + 1}))::INTEGER AS pw_month) AS m
LEFT JOIN ${changeTables.all} AS c ON c.pw_key = k.pw_key AND c.pw_month = m.pw_month) GROUP BY pw_key)`;
}

/** Lines pay when most of their entries are months of the batch. @param months ascending */
export function worthLines(months: readonly number[]): boolean {
  const span = (months.at(-1) ?? 0) - (months[0] ?? 0) + 1;
  return months.length > 2 && span <= 2 * months.length + 12;
}

/** All stored columns of the month's new rows. */
export function insertSelect(options: InsertOptions): string {
  const { shape, month, keys } = options;
  const fresh = keys === 'new';
  const months = fresh ? [] : options.months;
  const hasEarlier = options.hasEarlier && !fresh;
  const hasLater = options.hasLater && !fresh;
  const length = shape.historyLength;
  const inner = shape.histories.flatMap((column, index) => [
    `${of('n', column.from)} AS pw_f${index}`,
    `${baseTail(options, index)} AS pw_b${index}`,
  ]);
  const arrays = shape.histories.map((column, index) => {
    const edits = months.map((changed) => ({
      position: month - changed,
      value: (entry: string) =>
        `CASE WHEN pw_p${changed} IS NOT NULL THEN pw_v${index}[pw_p${changed}] ELSE ${entry} END`,
    }));
    const whole = `list_concat([pw_f${index}], pw_b${index})`;
    const value = edits.length === 0 ? whole : edited(duckDb, `pw_w${index}`, `pw_f${index}`, edits, length);
    return {
      whole: `${whole} AS pw_w${index}`,
      select: `${value}::${column.elementSqlType}[] AS ${identifier(column.name)}`,
    };
  });
  const joins = [
    `FROM pw_ins AS i JOIN pw_batch AS n ON ${batchRow(duckDb, 'n')} = i.n_row`,
    ...(hasEarlier ? ['LEFT JOIN pw_src AS e ON e.pw_key = i.pw_key AND e.pw_month = i.earlier'] : []),
    ...(hasLater ? ['LEFT JOIN pw_src AS l ON l.pw_key = i.pw_key AND l.pw_month = i.later'] : []),
    ...(months.length === 0 ? [] : [changesJoin(shape, months)]),
    ...(fresh ? ['JOIN pw_lines AS w ON w.pw_key = i.pw_key'] : []),
  ].join(' ');
  const changes = months.length === 0 ? [] : ['c.*'];
  const columns = [
    ...insertedScalars(duckDb, shape, text(monthText(month))),
    ...inner,
    ...standingRegisters(duckDb, shape, 'i'),
    ...changes,
    `${text(options.runId)} AS ${identifier(changedRun)}`,
  ];
  const rows = `SELECT ${columns.join(', ')} ${joins} WHERE i.pw_month = ${month}${keyFilters[keys]}`;
  // Bases get a level of their own, so that each is computed once however many positions are replaced.
  const based =
    months.length === 0 ? rows : `SELECT *, ${arrays.map(({ whole }) => whole).join(', ')} FROM (${rows})`;
  const base = `SELECT *, ${arrays.map(({ select }) => select).join(', ')} FROM (${based})`;
  return insertedRow(duckDb, shape, base);
}

/** Scalars of new rows, out of `i`, their row of `pw_ins`, and `n`, their record. @param month the month's text as SQL */
export function insertedScalars(dialect: Dialect, shape: SummaryShape, month: string): readonly string[] {
  const { cast } = dialect;
  return shape.scalars.map((column) => {
    const name = dialect.identifier(column.name);
    const type = column.icebergType;
    if (column.name === shape.month.name) return `${cast(month, type)} AS ${name}`;
    const value = dialect.column('n', column.name);
    const shown = shownInsert(shape, column, 'i');
    if (shown !== undefined) return `${cast(shown, type)} AS ${name}`;
    if (column.name === shape.deleteColumn) {
      const code = `(CASE WHEN i.alive_after THEN ${value} ELSE ${cast('i.code_after', type)} END)`;
      return `${cast(code, type)} AS ${name}`;
    }
    return `${cast(value, type)} AS ${name}`;
  });
}

/** All stored columns of new rows. @param rows SELECT of all but the grids */
export function insertedRow(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const { identifier: quoted, cast } = dialect;
  const names = [...shape.scalars, ...shape.histories].map((column) => quoted(column.name));
  const grids = shape.grids.map(
    (grid) => `${cast(gridText(dialect, grid, quoted(grid.history)), 'string')} AS ${quoted(grid.name)}`,
  );
  const system = shape.system.map(
    ({ name, icebergType }) => `${cast(quoted(name), icebergType)} AS ${quoted(name)}`,
  );
  return `SELECT ${[...names, ...grids, ...system].join(', ')} FROM (${rows})`;
}

const keyFilters = { all: '', known: ' AND i.known', new: ' AND NOT i.known' } as const;

/** Positions 1 to H - 1 as they are before the batch; of a new key as they are after it. */
function baseTail(options: InsertOptions, index: number): string {
  const { shape, hasEarlier, hasLater, month, keys, lineStart = month } = options;
  const column = shape.histories[index];
  if (column === undefined) throw new TypeError(`no history column ${index}`);
  const length = shape.historyLength;
  if (keys === 'new') {
    const from = lineStart - month + 2;
    return duckDb.resized(
      `w.pw_l${index}[${from} : ${from + length - 2}]`,
      length - 1,
      column.elementIcebergType,
    );
  }
  return tailFromNeighbours(
    duckDb,
    column,
    {
      ...(hasEarlier
        ? {
            earlier: {
              array: of('e', column.name),
              alive: 'e.pw_alive',
              distance: `(${month} - e.pw_month)`,
            },
          }
        : {}),
      ...(hasLater ? { later: { array: of('l', column.name), distance: `(l.pw_month - ${month})` } } : {}),
    },
    length,
  );
}

function changesJoin(shape: SummaryShape, months: readonly number[]): string {
  const positions = months.map((changed) => `list_position(pw_months, ${changed}) AS pw_p${changed}`);
  const values = shape.histories.map((_, index) => `pw_v${index}`);
  return `LEFT JOIN (SELECT pw_key, ${[...positions, ...values].join(', ')} FROM ${changeTables.lists}) AS c ON c.pw_key = i.pw_key`;
}
