import type { TimeUnit } from '../../config/index.ts';

/** Digits of a time of the years 1990 to 2100 since 1970, and the unit that it is in then; none of them overlap. */
const powers: readonly (readonly [unit: TimeUnit, perSecond: number])[] = [
  ['s', 1],
  ['ms', 1e3],
  ['us', 1e6],
  ['ns', 1e9],
];
const [from, to] = [Date.UTC(1990, 0, 1) / 1000, Date.UTC(2100, 0, 1) / 1000];

export const unitNames: Readonly<Record<TimeUnit, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
};

/**
 * The unit of a whole number since 1970, by its magnitude; undefined when it is of no year from 1990 to 2100 in any.
 * @example timeUnit('1767225600') // 's'
 */
export function timeUnit(sample: string | undefined): TimeUnit | undefined {
  if (sample === undefined || !/^\d{1,19}$/.test(sample)) return undefined;
  return powers.find(([, perSecond]) => {
    const seconds = Number(sample) / perSecond;
    return from <= seconds && seconds < to;
  })?.[0];
}
