import { expect, test } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { duckDb } from '../../lib/engine/duckdb-dialect.ts';
import { sketchBuckets } from '../../lib/rollup/audit/sketch-buckets.ts';
import { sketchBins } from '../../lib/rollup/sketch/bins.ts';
import { binRows, pointSketches } from '../../lib/rollup/sql/sketches.ts';
import { bucketOf, type QuantileRules } from '../oracle/sketch-oracle.ts';

const [least, greatest] = [-(2n ** 63n), 2n ** 63n - 1n];
const gammaOf = (millionths: number) => ({ numerator: 1e6 + millionths, denominator: 1e6 - millionths });

/** Borders of buckets, and their neighbours. */
function borderValues(millionths: number): readonly bigint[] {
  const values = new Set<bigint>([0n, 1n, -1n, least, least + 1n, greatest, greatest - 1n]);
  for (const [at, { low }] of sketchBins({ gamma: gammaOf(millionths) }).entries())
    if (low !== null && (at % 7 === 0 || low > 2n ** 62n || low < -(2n ** 62n)))
      for (const value of [low - 1n, low, low + 1n])
        if (value >= least && value <= greatest) values.add(value);
  return [...values];
}

test.each([1_000, 10_000, 33_000, 100_000])(
  'at %i millionths every 64-bit value is in one bucket, and the estimate is within the accuracy of both its ends',
  (millionths) => {
    const gamma = gammaOf(millionths);
    const bins = sketchBins({ gamma });
    const audited = sketchBuckets(gamma);
    expect(bins.length).toBeLessThan(
      2.1 * (Math.log(2 ** 63) / Math.log(gamma.numerator / gamma.denominator)) + 4,
    );
    for (const [at, { bucket, low, value }] of bins.entries()) {
      if (low === null || value === null) continue;
      const next = bins[at + 1]?.low ?? greatest + 1n;
      expect([bucket, audited.range(bucket)]).toEqual([bucket, [low, next - 1n]]);
      expect(audited.estimate(bucket)).toBe(value);
      if (low >= next) continue;
      const allowed = millionths / 1e6 + 1e-15;
      for (const end of [low, next - 1n])
        expect(Math.abs(value - Number(end))).toBeLessThanOrEqual(Math.abs(Number(end)) * allowed);
    }
  },
);

test.each([10_000, 100_000])(
  'at %i millionths engine, audit and oracle see each border alike',
  async (millionths) => {
    const values = borderValues(millionths);
    const rules: QuantileRules = { accuracyMillionths: millionths, millionths: [] };
    const gamma = gammaOf(millionths);
    await using session = await openDuckDb({
      memoryBytes: 2 ** 28,
      threads: 1,
      workFolder: `${import.meta.dirname}/../../.cache/sketch-bins-${process.pid}-${millionths}`,
    });
    await session.execute(`CREATE TEMP TABLE sketch_bins AS ${binRows(duckDb, sketchBins({ gamma }))}`);
    await session.execute(
      `CREATE TEMP TABLE ordered AS SELECT v AS id, 5 AS ts, v FROM (SELECT unnest(CAST('[${values.join(',')}]' AS BIGINT[])) AS v)`,
    );
    const select = pointSketches({ baseMs: 10 }, { gamma }, { from: 'ordered', where: 'true' });
    const bucketsBy = async (statement: string) =>
      new Map(
        (await session.query(statement)).map((row) => [BigInt(String(row['id'])), Number(row['k'])] as const),
      );
    const found = await bucketsBy(select);
    expect(found.size).toBe(values.length);
    // Whichever way a logarithm rounds, and far worse than any does.
    for (const error of [-1e-9, 1e-9]) {
      const worse = select.replace('abs(CAST(v AS DOUBLE))', `abs(CAST(v AS DOUBLE)) * ${1 + error}`);
      expect(worse).not.toBe(select);
      expect(await bucketsBy(worse)).toEqual(found);
    }
    const audited = sketchBuckets(gamma);
    for (const value of values) {
      const bucket = bucketOf(value, rules);
      expect([value, found.get(value), audited.of(value)]).toEqual([value, bucket, bucket]);
    }
  },
);
