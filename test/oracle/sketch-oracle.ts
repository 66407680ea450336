/**
 * The truth of sketches and estimates, from all values of a window: buckets by comparing whole numbers only, quantiles by
 * sorting. Nothing is imported.
 */

export interface QuantileRules {
  /** In millionths: 10,000 is 1 %. */
  readonly accuracyMillionths: number;
  /** Quantiles in millionths, ascending. */
  readonly millionths: readonly number[];
}

export interface OracleSketch {
  readonly sketch: readonly (readonly [bucket: number, count: bigint])[];
  readonly estimates: readonly number[];
}

const million = 1_000_000n;

/** @param values all of the window */
export function sketchOf(values: readonly bigint[], rules: QuantileRules): OracleSketch {
  const sorted = values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const sketch: [number, bigint][] = [];
  for (const value of sorted) {
    const bucket = bucketOf(value, rules);
    const last = sketch.at(-1);
    if (last?.[0] === bucket) last[1] += 1n;
    else sketch.push([bucket, 1n]);
  }
  const [least, most] = [Number(sorted[0]), Number(sorted.at(-1))];
  return {
    sketch,
    estimates: rules.millionths.map((quantile) => {
      const estimate = nearest(...estimateOf(bucketOf(quantileOf(sorted, quantile), rules), rules));
      return estimate < least ? least : estimate > most ? most : estimate;
    }),
  };
}

/** The value at place floor(q × (n - 1)) of the sorted ones. */
export function quantileOf(sorted: readonly bigint[], millionths: number): bigint {
  const place = (BigInt(millionths) * BigInt(sorted.length - 1)) / million;
  return sorted[Number(place)] ?? 0n;
}

const powers = new Map<string, readonly [bigint, bigint]>();

/** Numerator and denominator of g^k, g = (1 + a) / (1 - a). */
function power(k: number, { accuracyMillionths }: QuantileRules): readonly [bigint, bigint] {
  const name = `${accuracyMillionths}^${k}`;
  const a = BigInt(accuracyMillionths);
  const made = powers.get(name) ?? ([(million + a) ** BigInt(k), (million - a) ** BigInt(k)] as const);
  powers.set(name, made);
  return made;
}

/** The least k with g^k at or above the size, by halving; k + 1 with the value's sign, 0 for 0. */
export function bucketOf(value: bigint, rules: QuantileRules): number {
  if (value === 0n) return 0;
  const size = value < 0n ? -value : value;
  const reaches = (k: number) => {
    const [numerator, denominator] = power(k, rules);
    return numerator >= size * denominator;
  };
  let [below, k] = [-1, 1];
  while (!reaches(k)) [below, k] = [k, k * 2];
  while (k - below > 1) {
    const middle = Math.floor((below + k) / 2);
    if (reaches(middle)) k = middle;
    else below = middle;
  }
  return value < 0n ? -(k + 1) : k + 1;
}

/** 2 g^k / (g + 1) as a fraction. */
function estimateOf(bucket: number, rules: QuantileRules): readonly [bigint, bigint] {
  if (bucket === 0) return [0n, 1n];
  const [numerator, denominator] = power(Math.abs(bucket) - 1, rules);
  const below = million - BigInt(rules.accuracyMillionths);
  return [(bucket < 0 ? -numerator : numerator) * below, denominator * million];
}

/** The double nearest to a fraction. */
function nearest(numerator: bigint, denominator: bigint): number {
  if (numerator < 0n) return -nearest(-numerator, denominator);
  const scaled = (numerator << 200n) / denominator;
  return Number(scaled * 2n + (scaled * denominator === numerator << 200n ? 0n : 1n)) / 2 ** 201;
}
