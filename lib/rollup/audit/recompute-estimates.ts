import type { SketchShape } from '../sketch/sketch.ts';
import type { SketchBuckets } from './sketch-buckets.ts';

export interface SeriesSketch extends Pick<SketchShape, 'quantiles'> {
  readonly buckets: SketchBuckets;
}

interface Counted {
  readonly n: bigint;
  readonly mn: bigint;
  readonly mx: bigint;
  /** Ascending. */
  readonly buckets: ReadonlyMap<number, bigint>;
}

/** A window's estimates, one quantile after the other by counting up. */
export function estimatesOf(
  { n, mn, mx, buckets }: Counted,
  sketch: SeriesSketch | undefined,
): readonly number[] {
  if (sketch === undefined) return [];
  return sketch.quantiles.map(({ rank }) => {
    let upto = 0n;
    for (const [bucket, count] of buckets) {
      upto += count;
      if (upto * BigInt(rank.denominator) <= (n - 1n) * BigInt(rank.numerator)) continue;
      return Math.max(Number(mn), Math.min(Number(mx), sketch.buckets.estimate(bucket)));
    }
    return Number.NaN;
  });
}
