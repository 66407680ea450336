import { type Fraction, fractionOf, quantileColumn } from '../../config/quantiles.ts';
import type { RollupConfig } from '../../config/schema.ts';

/**
 * A window's sketch: how many of its values lie in each bucket (DDSketch: Masson, Rim, Lee, VLDB 2019). With the relative
 * accuracy a and g = (1 + a) / (1 - a), bucket k holds the whole numbers in (g^(k-1), g^k], and 2 g^k / (g + 1) is within a
 * of each of them. Buckets are numbered in the order of their values: k + 1 for a value above zero, -(k + 1) for its
 * negative, 0 for zero. Sketches merge by adding counts, exactly.
 */
export interface SketchShape {
  /** g. */
  readonly gamma: Fraction;
  /** Ascending. */
  readonly quantiles: readonly Quantile[];
}

export interface Quantile {
  readonly column: string;
  /** q: the estimate is of the value at place floor(q × (count - 1)), from 0, of the window's sorted values. */
  readonly rank: Fraction;
}

export function sketchShape({ quantiles }: Pick<RollupConfig, 'quantiles'>): SketchShape | undefined {
  // A pipeline that was pinned before there were quantiles says nothing of them.
  if (quantiles === null || quantiles === undefined) return undefined;
  const { numerator, denominator } = fractionOf(quantiles.relativeAccuracy) ?? none;
  return {
    gamma: { numerator: denominator + numerator, denominator: denominator - numerator },
    quantiles: quantiles.values
      .toSorted((a, b) => a - b)
      .map((value) => ({ column: quantileColumn(value), rank: fractionOf(value) ?? none })),
  };
}

const none: Fraction = { numerator: 0, denominator: 1 };

/** What a table's quantiles are, for its property and for people. @example '0.5, 0.95 within 0.01' */
export function quantilesText({ quantiles }: Pick<RollupConfig, 'quantiles'>): string {
  if (quantiles === null || quantiles === undefined) return 'none';
  return `${quantiles.values.toSorted((a, b) => a - b).join(', ')} within ${quantiles.relativeAccuracy}`;
}
