import type { Dialect } from '../../engine/dialect.ts';
import type { HistoryColumn, SummaryShape } from '../tables/columns.ts';
import { edited } from './arrays.ts';

/**
 * How the rows of a statement find the changes that they feel, out of `c`, the lists of their key: by a position for
 * each changed month where all rows are of one month, else by a list of positions for the months that an array holds.
 */
export interface Felt {
  /** Select items over the row and `c`; the others stand on these. */
  readonly columns: readonly string[];
  /** Conditions over the row and `c`, one of which holds for a row that feels a change. */
  readonly any: readonly string[];
  /** An array with the felt positions replaced. @param row alias of what has the columns above, with its dot, or nothing */
  array(edit: Edited, row: string): string;
  /** Versions of the changes, some NULL. */
  versions(row: string): readonly string[];
}

/** An array before, NULL in a row that is older than its column, and its new entry 0. */
interface Edited {
  readonly index: number;
  /** Iceberg's name of its entries' type. */
  readonly element: string;
  readonly old: string;
  readonly first: string;
}

/** Rows of one month. @param months changed ones among the H - 1 before it */
export function feltAt(
  dialect: Dialect,
  shape: SummaryShape,
  month: number,
  months: readonly number[],
): Felt {
  const { position, entry } = dialect;
  const places = months.map((changed) => position('c.pw_months', String(changed)));
  return {
    columns: [
      ...months.map((changed, at) => `${places[at]} AS pw_p${changed}`),
      ...(months.length === 0 ? [] : listColumns(shape)),
    ],
    any: places.map((place) => `${place} IS NOT NULL`),
    array: ({ index, element, old, first }, row) => {
      const edits = months.map((changed) => ({
        position: month - changed,
        value: (old: string) =>
          `CASE WHEN ${row}pw_p${changed} IS NOT NULL THEN ${entry(`${row}pw_v${index}`, `${row}pw_p${changed}`)} ELSE ${old} END`,
      }));
      // A row older than its column has no array: nothing is known of any month.
      const unknown = dialect.resized('NULL', shape.historyLength, element);
      const [fromNothing, fromOld] = [unknown, old].map((list) =>
        edited(dialect, list, first, edits, shape.historyLength),
      );
      return `CASE WHEN ${old} IS NULL THEN ${fromNothing} ELSE ${fromOld} END`;
    },
    versions: (row) =>
      months.map(
        (changed) =>
          `CASE WHEN ${row}pw_p${changed} IS NOT NULL THEN ${entry(`${row}pw_versions`, `${row}pw_p${changed}`)} END`,
      ),
  };
}

/** Up to so many changed months an array is changed one by one, above entry by entry. */
const few = 4;

/** Rows of any months. @param month column of the row with its month @param months changed ones that some of the rows feel */
export function feltAnywhere(
  dialect: Dialect,
  shape: SummaryShape,
  month: string,
  months: readonly number[],
): Felt {
  const { entry, list, kept, numbers } = dialect;
  const isFelt = (changed: string) =>
    `(${changed} < ${month} AND ${changed} > ${month} - ${shape.historyLength})`;
  const isFew = months.length <= few;
  const places = isFew
    ? kept(numbers(1, dialect.length('c.pw_months')), (at) => isFelt(entry('c.pw_months', at)))
    : placesOf(dialect, shape, month);
  return {
    columns: [
      `CASE WHEN c.pw_key IS NOT NULL THEN ${places} ELSE ${list([])} END AS pw_at`,
      'c.pw_months',
      ...listColumns(shape),
    ],
    any: [`(c.pw_key IS NOT NULL AND ${dialect.some('c.pw_months', isFelt)})`],
    array: ({ index, old, first }, row) => {
      const column = shape.histories[index];
      if (column === undefined) throw new TypeError(`no history column ${index}`);
      const tail = dialect.slice(old, 2, shape.historyLength);
      const after = isFew
        ? oneByOne(dialect, shape, column, { index, tail, row, month })
        : entryByEntry(dialect, shape, column, { index, tail, row });
      return dialect.concat([list([first]), after]);
    },
    versions: (row) => [
      dialect.largest(dialect.mapped(`${row}pw_at`, (at) => entry(`${row}pw_versions`, at))),
    ],
  };
}

interface Tail {
  readonly index: number;
  /** Positions 1 to H - 1 as they were, any length, or NULL. */
  readonly tail: string;
  readonly row: string;
}

/** Positions 1 to H - 1 with the changes whose places in the lists of `c` are in `pw_at`. */
function oneByOne(
  dialect: Dialect,
  shape: SummaryShape,
  column: HistoryColumn,
  { index, tail, row, month }: Tail & { readonly month: string },
): string {
  const { entry } = dialect;
  const whole = dialect.resized(tail, shape.historyLength - 1, column.elementIcebergType);
  return dialect.replaced(whole, `${row}pw_at`, {
    at: (place) => `(${month} - ${entry(`${row}pw_months`, place)})`,
    value: (place) => entry(`${row}pw_v${index}`, place),
  });
}

/** Per month of the H - 1 before the row's own, the newest first: the position of its change in the lists of `c`, or NULL. */
export function placesOf(dialect: Dialect, shape: SummaryShape, month: string): string {
  return dialect.mapped(dialect.numbers(1, shape.historyLength - 1), (back) =>
    dialect.position('c.pw_months', `${month} - ${back}`),
  );
}

/** Positions 1 to H - 1 with what `pw_at`, a place for each of them, and the list of values say. */
export function entryByEntry(
  dialect: Dialect,
  shape: SummaryShape,
  column: HistoryColumn,
  { index, tail, row }: Tail,
): string {
  const whole = dialect.resized(tail, shape.historyLength - 1, column.elementIcebergType);
  return dialect.placed(whole, (old, at) => {
    const place = dialect.entry(`${row}pw_at`, at);
    return `CASE WHEN ${place} IS NOT NULL THEN ${dialect.entry(`${row}pw_v${index}`, place)} ELSE ${old} END`;
  });
}

function listColumns(shape: SummaryShape): readonly string[] {
  return ['c.pw_versions', ...shape.histories.map((_, index) => `c.pw_v${index}`)];
}
