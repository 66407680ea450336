import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bucketOf, type QuantileRules, quantileOf, sketchOf } from './sketch-oracle.ts';

const percent: QuantileRules = { accuracyMillionths: 10_000, millionths: [0, 500_000, 950_000, 1_000_000] };

it('small whole numbers at 1 % are in buckets that a pocket calculator agrees with', () => {
  // ln 2 / ln (1.01 / 0.99) = 34.66, ln 3 / … = 54.93, ln 1000 / … = 345.4
  expect([0n, 1n, -1n, 2n, -2n, 3n, 1000n].map((value) => bucketOf(value, percent))).toEqual([
    0, 1, -1, 36, -36, 56, 347,
  ]);
});

it('the ends of 64 bits have buckets, opposite ones', () => {
  expect(bucketOf(2n ** 63n - 1n, percent)).toBe(2185);
  expect(bucketOf(-(2n ** 63n), percent)).toBe(-2185);
});

it('a worked example: 1 to 10 and a zero', () => {
  const values = [3n, 1n, 2n, 0n, 5n, 4n, 10n, 9n, 8n, 7n, 6n];
  const { sketch, estimates } = sketchOf(values, percent);
  expect(sketch.map(([, count]) => count)).toEqual(values.map(() => 1n));
  expect(estimates[0]).toBe(0);
  expect(estimates[3]).toBeLessThanOrEqual(10);
  // The sixth of eleven is 5; the bucket that reaches it is up to 1.01/0.99 of the one before.
  expect(Math.abs((estimates[1] ?? 0) - 5)).toBeLessThanOrEqual(0.05);
  expect(Math.abs((estimates[2] ?? 0) - 9)).toBeLessThanOrEqual(0.09);
});

const values = fc.array(
  fc.oneof(
    fc.bigInt({ min: -20n, max: 20n }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 0n, max: 63n }).map((bits) => 2n ** bits - 1n),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n),
  ),
  { minLength: 1, maxLength: 60 },
);
const rules = fc.record({
  accuracyMillionths: fc.constantFrom(5_000, 10_000, 12_345, 50_000, 100_000),
  millionths: fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 5 }),
});

it('every estimate is within the relative accuracy of the true quantile, but for the rounding of a double', () => {
  fc.assert(
    fc.property(values, rules, (window, quantiles) => {
      const sorted = window.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      const { sketch, estimates } = sketchOf(window, quantiles);
      expect(sketch.reduce((sum, [, count]) => sum + count, 0n)).toBe(BigInt(window.length));
      quantiles.millionths.forEach((millionths, at) => {
        const truth = Number(quantileOf(sorted, millionths));
        const allowed = Math.abs(truth) * (quantiles.accuracyMillionths / 1e6 + 1e-15);
        expect(Math.abs((estimates[at] ?? Number.NaN) - truth)).toBeLessThanOrEqual(allowed);
      });
    }),
    { numRuns: 100 },
  );
});
