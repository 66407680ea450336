import { monthNumber } from '../summary/sql/months.ts';

export interface MonthRange {
  /** Month numbers. */
  readonly first: number;
  readonly last: number;
}

/** What is wrong with it instead, in words. @example monthRange('2025-10..2025-12') // { first: 24310, last: 24312 } */
export function monthRange(text: string): MonthRange | string {
  const [, from, to = from] =
    /^(\d{4}-(?:0[1-9]|1[0-2]))(?:\.\.(\d{4}-(?:0[1-9]|1[0-2])))?$/.exec(text) ?? [];
  if (from === undefined || to === undefined)
    return `--month needs YYYY-MM or YYYY-MM..YYYY-MM, not '${text}'`;
  const range = { first: monthNumber(from), last: monthNumber(to) };
  return range.last < range.first ? `--month ${text} ends before it begins` : range;
}
