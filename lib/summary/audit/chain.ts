import { identifier } from '../../engine/sql.ts';
import type { HistoryColumn, SummaryShape } from '../tables/columns.ts';
import { rowAlive } from './sql.ts';

/**
 * Arrays against each other. For neighbouring stored rows s and t of a key, d months apart, the rules say: t's array at
 * position d is v of s's month (s's own value, NULL when it is deleted), and t's positions after d are s's positions
 * after 0. Where that holds for every pair of neighbours, every array agrees with every stored month within H.
 * Positions between 0 and d are months without a row: what bulk-loaded history knows of them is free.
 */

/** Hash over all arrays of what a row knows of its earlier neighbour and before. `distance`: SQL, NULL or >= H gives NULL. */
export function tailHash(shape: SummaryShape, distance: string): string {
  const lists = shape.histories.map(
    (column) => `${entries(shape, column)}[${distance} + 1 : ${shape.historyLength}]`,
  );
  return within(shape, distance, lists);
}

/** Hash over all arrays of what the later neighbour, `distance` months on, must know of this row and before. */
export function headHash(shape: SummaryShape, distance: string): string {
  const alive = rowAlive(shape);
  const lists = shape.histories.map((column) => {
    const list = entries(shape, column);
    const end = `${shape.historyLength} - ${distance}`;
    return `CASE WHEN ${alive} THEN ${list}[1 : ${end}] ELSE list_concat([NULL], ${list}[2 : ${end}]) END`;
  });
  return within(shape, distance, lists);
}

/** The array; one that was never written, of a row older than its column, knows nothing. */
function entries(shape: SummaryShape, { name, elementSqlType }: HistoryColumn): string {
  const list = identifier(name);
  return `(CASE WHEN ${list} IS NULL THEN list_resize([]::${elementSqlType}[], ${shape.historyLength}) ELSE ${list} END)`;
}

function within(shape: SummaryShape, distance: string, lists: readonly string[]): string {
  return `CASE WHEN ${distance} < ${shape.historyLength} THEN hash(${lists.join(', ')}) END`;
}

/** The first array and position in which a pair of neighbouring rows disagrees; undefined when they agree. */
export function chainDifference(
  shape: SummaryShape,
  earlier: Readonly<Record<string, unknown>>,
  later: Readonly<Record<string, unknown>>,
  options: {
    readonly distance: number;
    readonly earlierAlive: boolean;
    readonly same: (a: unknown, b: unknown) => boolean;
  },
): string | undefined {
  const { distance, earlierAlive, same } = options;
  for (const { name } of shape.histories) {
    const before = listOf(earlier[name]);
    const after = listOf(later[name]);
    for (let back = distance; back < shape.historyLength; back += 1) {
      const expected = back === distance && !earlierAlive ? null : (before[back - distance] ?? null);
      const got = after[back] ?? null;
      if (!same(expected, got)) return `${name}[${back}]: expected ${String(expected)}, got ${String(got)}`;
    }
  }
  return undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
