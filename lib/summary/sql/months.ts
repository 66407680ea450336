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
export function monthTextSql(expression: string): string {
  return `printf('%04d-%02d', (${expression} - 1) // 12, (${expression} - 1) % 12 + 1)`;
}

/** The number of a month's text as SQL. */
export function monthNumberSql(expression: string): string {
  return `(substr(${expression}, 1, 4)::INTEGER * 12 + substr(${expression}, 6, 2)::INTEGER)`;
}
