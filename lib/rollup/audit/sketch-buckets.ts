import type { Fraction } from '../../config/quantiles.ts';
import { IntegrityError } from '../../errors.ts';

/**
 * The buckets of the sketches once more, for the audit: each from its own power of g, found by squaring, where the work has
 * a table that it makes by going from one to the next.
 */
export interface SketchBuckets {
  /** Number of the bucket that a value is in. */
  of(value: bigint): number;
  /** Least and greatest 64-bit value of a bucket; the least above the greatest when it has none. */
  range(bucket: number): readonly [least: bigint, greatest: bigint];
  /** The estimate for each value of a bucket. */
  estimate(bucket: number): number;
}

const [least, greatest] = [-(2n ** 63n), 2n ** 63n - 1n];

export function sketchBuckets(gamma: Fraction): SketchBuckets {
  const scale = Math.log(gamma.numerator / gamma.denominator);
  const tops = new Map<number, bigint>([[-1, 0n]]);
  /** Greatest whole number up to g^k. */
  const top = (k: number): bigint => {
    const known = tops.get(k) ?? exactly(gamma, k, (power, bits) => power >> bits);
    tops.set(k, known);
    return known;
  };
  const range = (bucket: number): readonly [bigint, bigint] => {
    if (bucket === 0) return [0n, 0n];
    const k = Math.abs(bucket) - 1;
    const [from, to] = [top(k - 1) + 1n, top(k)];
    return bucket > 0 ? [from, to > greatest ? greatest : to] : [-to < least ? least : -to, -from];
  };
  return {
    range,
    of: (value) => {
      if (value === 0n) return 0;
      const size = value < 0n ? -value : value;
      let k = Math.max(0, Math.round(Math.log(Number(size)) / scale));
      while (size > top(k)) k += 1;
      while (size <= top(k - 1)) k -= 1;
      return value < 0n ? -(k + 1) : k + 1;
    },
    estimate: (bucket) => {
      if (bucket === 0) return 0;
      const [numerator, denominator] = [BigInt(gamma.numerator), BigInt(gamma.denominator)];
      const size = exactly(gamma, Math.abs(bucket) - 1, (power, bits) =>
        inDouble((power * 2n * denominator) / (numerator + denominator), bits),
      );
      return bucket < 0 ? -size : size;
    },
  };
}

/** What both bounds of g^k, in units of 2^-bits, agree on. */
function exactly<T>(gamma: Fraction, k: number, of: (power: bigint, bits: bigint) => T): T {
  for (let bits = 256n; bits <= 4096n; bits *= 2n) {
    const [low, high] = power(gamma, k, bits);
    const one = of(low, bits);
    if (one === of(high, bits)) return one;
  }
  throw new IntegrityError(`bucket ${k} of a sketch cannot be told from its neighbour`);
}

function power({ numerator, denominator }: Fraction, k: number, bits: bigint): readonly [bigint, bigint] {
  const one = 1n << bits;
  const up = (value: bigint) => -(-value >> bits);
  let [low, high] = [one, one];
  let squareLow = (BigInt(numerator) << bits) / BigInt(denominator);
  let squareHigh = squareLow + 1n;
  for (let left = k; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) {
      low = (low * squareLow) >> bits;
      high = up(high * squareHigh);
    }
    squareLow = (squareLow * squareLow) >> bits;
    squareHigh = up(squareHigh * squareHigh);
  }
  return [low, high];
}

function inDouble(fixed: bigint, bits: bigint): number {
  // More digits than a double has, without those that would take it out of range.
  return Number(fixed >> (bits - 256n)) / 2 ** 256;
}
