import { printable } from './format.ts';
import { toJson } from './json.ts';

/** NULL in a list, as short as it can be: history arrays are mostly NULL. */
const listNull = '_';

/** A value of a row as one line of text. Arrays read `[5100, _, 4900]`; trailing NULLs are counted, not shown. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return listText(value);
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  return printable(toJson(value));
}

/** @example listText([5100, null, 4900, null, null]) // '[5100, _, 4900, 2 x _]' */
export function listText(values: readonly unknown[]): string {
  let end = values.length;
  while (end > 0 && isNull(values[end - 1])) end -= 1;
  const shown = values.slice(0, end).map((value) => (isNull(value) ? listNull : cellText(value)));
  const rest = values.length - end;
  if (rest > 0) shown.push(rest === 1 ? listNull : `${rest} x ${listNull}`);
  return `[${shown.join(', ')}]`;
}

function isNull(value: unknown): boolean {
  return value === null || value === undefined;
}
