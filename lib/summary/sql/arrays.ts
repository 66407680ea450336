import { text } from '../../engine/sql.ts';
import type { GridColumn, HistoryColumn } from '../columns.ts';

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
export function edited(array: string, first: string, edits: readonly ArrayEdit[], length: number): string {
  const byPosition = new Map(edits.map((edit) => [edit.position, edit]));
  if (byPosition.size * 2 > length) return literal(array, first, byPosition, length);
  const parts: string[] = [];
  let elements = [first];
  let at = 1;
  for (const position of [...byPosition.keys()].sort((a, b) => a - b)) {
    if (position > at) {
      parts.push(`[${elements.join(', ')}]`, `${array}[${at + 1} : ${position}]`);
      elements = [];
    }
    elements.push(byPosition.get(position)?.value(`${array}[${position + 1}]`) ?? 'NULL');
    at = position + 1;
  }
  parts.push(`[${elements.join(', ')}]`);
  if (at < length) parts.push(`${array}[${at + 1} : ${length}]`);
  return `list_concat(${parts.join(', ')})`;
}

function literal(
  array: string,
  first: string,
  edits: ReadonlyMap<number, ArrayEdit>,
  length: number,
): string {
  const elements = Array.from({ length: length - 1 }, (_, index) => {
    const old = `${array}[${index + 2}]`;
    return edits.get(index + 1)?.value(old) ?? old;
  });
  return `[${[first, ...elements].join(', ')}]`;
}

/** Exactly `length` elements: cut, or filled up with NULL; NULL counts as empty. */
export function resized(list: string, length: string | number, element: string): string {
  return `list_resize(coalesce(${list}, []::${element}[]), ${length})`;
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
  column: HistoryColumn,
  { earlier, later }: BaseSources,
  length: number,
): string {
  const element = column.elementSqlType;
  const gap =
    earlier === undefined ? `${length}` : `least(coalesce(${earlier.distance}, ${length}), ${length})`;
  const known =
    later === undefined
      ? `[]::${element}[]`
      : `${later.array}[${later.distance} + 2 : ${later.distance} + ${gap}]`;
  const between = resized(known, `${gap} - 1`, element);
  if (earlier === undefined) return between;
  const from = `list_concat([CASE WHEN ${earlier.alive} THEN ${earlier.array}[1] END], ${earlier.array}[2 : ${length}])`;
  return resized(
    `list_concat(${between}, CASE WHEN ${earlier.distance} IS NOT NULL THEN ${from} END)`,
    length - 1,
    element,
  );
}

/** All entries as text, NULL as the placeholder. */
export function gridText(grid: GridColumn, array: string): string {
  const placeholder = text(grid.placeholder);
  return `array_to_string(list_transform(${array}, lambda e: coalesce(e::VARCHAR, ${placeholder})), ${text(grid.separator)})`;
}
