import { IntegrityError } from '../../errors.ts';
import type { SketchShape } from './sketch.ts';

export interface SketchBin {
  readonly bucket: number;
  /** Least value of this bucket and those above; null beyond 64 bits. */
  readonly low: bigint | null;
  /** The estimate for each value of the bucket; null for the two that no value is in. */
  readonly value: number | null;
}

const fractionBits = 256n;
const [least, limit] = [-(2n ** 63n), 2n ** 63n];

/**
 * Every bucket of 64-bit whole numbers, ascending, and one beyond at either end. Borders and estimates are exact, so they
 * are the same on every machine: powers of g are held between two fixed-point numbers that must lead to the same result.
 * About 2 × ln(2^63) / ln(g) + 1 of them: 4,371 at an accuracy of 1 %.
 */
export function sketchBins({ gamma }: Pick<SketchShape, 'gamma'>): readonly SketchBin[] {
  const [numerator, denominator] = [BigInt(gamma.numerator), BigInt(gamma.denominator)];
  const tops: bigint[] = [];
  const values: number[] = [];
  let [low, high] = [1n << fractionBits, 1n << fractionBits];
  for (;;) {
    const top = low >> fractionBits;
    const value = scaled((low * 2n * denominator) / (numerator + denominator));
    const same = scaled(ceiling(high * 2n * denominator, numerator + denominator));
    if (top !== high >> fractionBits || value !== same)
      throw new IntegrityError(`bucket ${tops.length} of a sketch is not known exactly`);
    tops.push(top);
    values.push(value);
    if (top >= limit) break;
    low = (low * numerator) / denominator;
    high = ceiling(high * numerator, denominator);
  }
  const last = tops.length;
  return Array.from({ length: 2 * last + 3 }, (_, at): SketchBin => {
    const bucket = at - last - 1;
    const value = values[Math.abs(bucket) - 1] ?? null;
    return {
      bucket,
      low: lowOf(bucket, tops),
      value: bucket === 0 ? 0 : value === null ? null : Math.sign(bucket) * value,
    };
  });
}

/** @param tops greatest whole number of each bucket above zero */
function lowOf(bucket: number, tops: readonly bigint[]): bigint | null {
  if (bucket <= 0) {
    const low = bucket === 0 ? 0n : -(tops[-bucket - 1] ?? limit);
    return low < least ? least : low;
  }
  const low = (bucket === 1 ? 0n : (tops[bucket - 2] ?? limit)) + 1n;
  return low >= limit ? null : low;
}

/** The nearest double. */
function scaled(fixed: bigint): number {
  return Number(fixed) / 2 ** Number(fractionBits);
}

function ceiling(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}
