import type { Dialect } from '../../engine/dialect.ts';
import type { GridColumn, HistoryColumn } from '../tables/columns.ts';

/** SQL over arrays of length H. Positions are 0-based in TypeScript and in the semantics, 1-based in SQL. */

export interface ArrayEdit {
  /** 0-based position, 1 to H - 1. */
  readonly position: number;
  /** Its new value, given the old one. */
  readonly value: (old: string) => string;
}

/**
 * The array with some positions replaced: slices of the old one between the new elements, in one concatenation.
 * @param first the element at position 0
 */
export function edited(
  dialect: Dialect,
  array: string,
  first: string,
  edits: readonly ArrayEdit[],
  length: number,
): string {
  const byPosition = new Map(edits.map((edit) => [edit.position, edit]));
  if (byPosition.size * 2 > length) return literal(dialect, array, first, byPosition, length);
  const parts: string[] = [];
  let elements = [first];
  let at = 1;
  for (const position of [...byPosition.keys()].sort((a, b) => a - b)) {
    if (position > at) {
      parts.push(dialect.list(elements), dialect.slice(array, at + 1, position));
      elements = [];
    }
    elements.push(byPosition.get(position)?.value(dialect.entry(array, position + 1)) ?? 'NULL');
    at = position + 1;
  }
  parts.push(dialect.list(elements));
  if (at < length) parts.push(dialect.slice(array, at + 1, length));
  return dialect.concat(parts);
}

function literal(
  dialect: Dialect,
  array: string,
  first: string,
  edits: ReadonlyMap<number, ArrayEdit>,
  length: number,
): string {
  const elements = Array.from({ length: length - 1 }, (_, index) => {
    const old = dialect.entry(array, index + 2);
    return edits.get(index + 1)?.value(old) ?? old;
  });
  return dialect.list([first, ...elements]);
}

export interface BaseSources {
  /** Nearest earlier stored row: its array, whether it is alive, and its distance in months (NULL when a row has none). */
  readonly earlier?: { readonly array: string; readonly alive: string; readonly distance: string };
  /** Nearest later stored row and its distance. Either is absent when no row of the statement has one. */
  readonly later?: { readonly array: string; readonly distance: string };
}

/**
 * Positions 1 to H - 1 of a row that is not stored yet, from what its neighbours know: months between it and the
 * nearest earlier stored row from the nearest later one, that row itself and all before it from its own array.
 */
export function tailFromNeighbours(
  dialect: Dialect,
  column: HistoryColumn,
  { earlier, later }: BaseSources,
  length: number,
): string {
  const element = column.elementIcebergType;
  const gap =
    earlier === undefined ? `${length}` : `least(coalesce(${earlier.distance}, ${length}), ${length})`;
  const known =
    later === undefined
      ? dialect.castList(dialect.list([]), element)
      : dialect.slice(later.array, `${later.distance} + 2`, `${later.distance} + ${gap}`);
  const between = dialect.resized(known, `${gap} - 1`, element);
  if (earlier === undefined) return between;
  const from = dialect.concat([
    dialect.list([`CASE WHEN ${earlier.alive} THEN ${dialect.entry(earlier.array, 1)} END`]),
    dialect.slice(earlier.array, 2, length),
  ]);
  return dialect.resized(
    dialect.concat([between, `CASE WHEN ${earlier.distance} IS NOT NULL THEN ${from} END`]),
    length - 1,
    element,
  );
}

/** All entries as text, NULL as the placeholder. */
export function gridText(dialect: Dialect, grid: GridColumn, array: string): string {
  const placeholder = dialect.text(grid.placeholder);
  const texts = dialect.mapped(
    array,
    (entry) => `coalesce(${dialect.cast(entry, 'string')}, ${placeholder})`,
  );
  return dialect.joined(texts, grid.separator);
}
