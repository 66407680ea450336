/** A fraction in lowest terms. */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/** A number between 0 and 1 as it is written, exactly; undefined when it has more than six digits after the point. */
export function fractionOf(value: number): Fraction | undefined {
  const digits = digitsOf(value);
  if (digits === undefined) return undefined;
  const denominator = 10 ** digits.after.length;
  const numerator = Number(`${digits.before}${digits.after}`);
  const divisor = greatestCommonDivisor(numerator, denominator);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

/**
 * The column of a quantile: its per cent, which has a point seldom enough.
 *
 * @example quantileColumn(0.5) // 'p50'
 * @example quantileColumn(0.999) // 'p99_9'
 */
export function quantileColumn(value: number): string {
  const { before, after } = digitsOf(value) ?? { before: '0', after: '' };
  const padded = after.padEnd(2, '0');
  const rest = padded.slice(2);
  return `p${Number(`${before}${padded.slice(0, 2)}`)}${rest === '' ? '' : `_${rest}`}`;
}

/** Columns of the sketch itself: buckets in ascending order, and how many values each has. */
export const sketchColumns = { buckets: 'sketch_buckets', counts: 'sketch_counts' } as const;

function digitsOf(value: number): { readonly before: string; readonly after: string } | undefined {
  const found = /^([01])(?:\.(\d{1,6}))?$/.exec(String(value));
  return found === null ? undefined : { before: found[1] ?? '', after: found[2] ?? '' };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
