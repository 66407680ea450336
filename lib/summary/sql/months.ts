import type { Dialect } from '../../engine/dialect.ts';

/** Months as numbers: year * 12 + month, with month 1 to 12. */

/** @example monthNumber('2026-01') // 24313 */
export function monthNumber(month: string): number {
  const match = /^(\d{4})-(\d{2})$/.exec(month);
  if (match === null) throw new TypeError(`not a month: ${month}`);
  return Number(match[1]) * 12 + Number(match[2]);
}

/** @example monthText(24313) // '2026-01' */
export function monthText(month: number): string {
  const year = Math.floor((month - 1) / 12);
  return `${String(year).padStart(4, '0')}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`;
}

/** The text of a month number as SQL. */
export function monthTextSql(dialect: Dialect, expression: string): string {
  const year = dialect.quotient(`(${expression} - 1)`, 12);
  return dialect.printed('%04d-%02d', [year, `(${expression} - 1) % 12 + 1`]);
}

/** The number of a month's text as SQL. */
export function monthNumberSql({ cast }: Dialect, expression: string): string {
  return `(${cast(`substr(${expression}, 1, 4)`, 'int')} * 12 + ${cast(`substr(${expression}, 6, 2)`, 'int')})`;
}
