import fc from 'fast-check';
import type { OracleBatch, OraclePoint, RollupRules } from '../oracle/rollup-oracle.ts';

/** A rollup's whole life. Each file arrives in the time of its batch, its key is its own, batches count from 0. */
export interface PointScenario {
  /** Ids are whole numbers in decimals when it is `bigint`. */
  readonly idType: 'bigint' | 'string';
  readonly rules: RollupRules;
  readonly batches: readonly OracleBatch[];
}

export interface PointLimits {
  readonly maxPoints?: number;
  readonly maxBatches?: number;
  readonly maxFiles?: number;
  /** Points of so many lives are in it, each of series of its own: they share rules, files and batches. Default 1. */
  readonly histories?: number;
}

interface Entry {
  readonly history: number;
  readonly series: number;
  /** Edges of the finest window back from the end of its first file's batch; below zero: ahead of it. */
  readonly back: number;
  readonly jitterMs: number;
  readonly far: boolean;
  readonly value: bigint;
  readonly labels: number;
  /** Which files carry it, the same one twice too. */
  readonly files: readonly number[];
}

const resolutions: readonly (readonly number[])[] = [
  [60_000],
  [60_000, 300_000],
  [60_000, 300_000, 3_600_000],
  [60_000, 90_000],
  [300_000, 60_000],
  [7_000, 3_000, 21_000],
  [86_400_000, 3_600_000],
];
const starts = [0, -7_200_000, 1_767_225_600_000, 1_767_225_612_345];
/** None is empty, which CSV cannot tell from NULL. */
const ids = {
  bigint: ['7', '-12', '9223372036854775807', '9007199254740993'],
  string: ['cpu', "it's", 'CPU', 'série, "1"'],
} as const;
/** By UTF-8 bytes the last comes after the one before, by UTF-16 units before it. */
const keyHeads = ['a', 'B', '_', 'é', '\uff5e', '😀'];
const labels: readonly Pick<OraclePoint, 'orgId' | 'metric' | 'shardId'>[] = [
  { orgId: 'org-1', metric: 'requests', shardId: 1 },
  { orgId: 'org-2', metric: 'requests', shardId: 2 },
  { orgId: null, metric: null, shardId: 0 },
  { orgId: 'a,b', metric: "it's", shardId: 2_147_483_647 },
];
const [smallest, greatest] = [-(2n ** 63n), 2n ** 63n - 1n];

/** Points around the edges that decide something, cut into any files and batches, for any rules. */
export function pointScenarios(limits: PointLimits = {}): fc.Arbitrary<PointScenario> {
  const { maxPoints = 40, maxBatches = 5, maxFiles = 6, histories = 1 } = limits;
  return rulesAndBase().chain(({ rules, baseMs }) => {
    const entry = (history: number): fc.Arbitrary<Entry> =>
      fc.record({
        history: fc.constant(history),
        series: fc.nat(3),
        back: fc.integer({ min: -3, max: 8 }),
        jitterMs: fc.constantFrom(0, 0, 1, -1, Math.floor(baseMs / 2)),
        far: likely(19, false, true),
        value: fc.oneof(
          { weight: 6, arbitrary: fc.bigInt({ min: -3n, max: 9n }) },
          { weight: 1, arbitrary: fc.constantFrom(smallest, smallest + 1n, greatest - 1n, greatest) },
          { weight: 1, arbitrary: fc.bigInt({ min: smallest, max: greatest }) },
        ),
        labels: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
        files: fc.array(fc.nat(maxFiles - 1), { minLength: 1, maxLength: 2 }),
      });
    const file = fc.record({
      batch: fc.nat(maxBatches - 1),
      quarter: fc.integer({ min: -1, max: 3 }),
      head: fc.constantFrom(...keyHeads),
    });
    return fc
      .record({
        idType: fc.constantFrom('string', 'bigint'),
        batches: fc.integer({ min: 1, max: maxBatches }),
        flushes: fc.array(likely(5, false, true), { minLength: maxBatches, maxLength: maxBatches }),
        files: fc.array(file, { minLength: maxFiles, maxLength: maxFiles }),
        entries: fc
          .tuple(
            ...Array.from({ length: histories }, (_, history) =>
              fc.array(entry(history), { maxLength: maxPoints, size: 'max' }),
            ),
          )
          .map((all) => all.flat()),
      } as const)
      .map((choice): PointScenario => {
        const files = choice.files.map(({ batch, quarter, head }, index) => {
          const inBatch = batch % choice.batches;
          const early = inBatch === 0 ? quarter : Math.max(0, quarter);
          return {
            batch: inBatch,
            arrivedMs: rules.startMs + inBatch * rules.batchMs + early * Math.floor(rules.batchMs / 4),
            key: `${head}-${index}`,
            version: '1',
            points: [] as OraclePoint[],
          };
        });
        for (const one of choice.entries) {
          const endMs = rules.startMs + ((files[one.files[0] ?? 0]?.batch ?? 0) + 1) * rules.batchMs;
          const edgeMs = Math.floor(endMs / baseMs) * baseMs;
          for (const [turn, at] of one.files.entries()) {
            files[at]?.points.push({
              id: idOf(choice.idType, one),
              ...(labels[(one.labels + turn) % labels.length] ?? { orgId: null, metric: null, shardId: 0 }),
              value: BigInt.asIntN(64, one.value + BigInt(turn)),
              timeMs: edgeMs - one.back * baseMs + one.jitterMs + (one.far ? 1e9 : 0),
            });
          }
        }
        return {
          idType: choice.idType,
          rules,
          batches: Array.from({ length: choice.batches }, (_, batch) => ({
            batch,
            flush: choice.flushes[batch] === true,
            files: files
              .filter((one) => one.batch === batch && one.points.length > 0)
              .map(({ arrivedMs, key, version, points }) => ({ arrivedMs, key, version, points })),
          })),
        };
      });
  });
}

function idOf(idType: PointScenario['idType'], { series, history }: Entry): string {
  const id = ids[idType][series] ?? '';
  if (history === 0) return id;
  return idType === 'string' ? `${id} ${history}` : String(BigInt(id) - 4n * BigInt(history));
}

const quantiles = fc.record({
  accuracyMillionths: fc.constantFrom(10_000, 30_000, 100_000),
  millionths: fc
    .uniqueArray(fc.constantFrom(0, 1, 250_000, 500_000, 950_000, 999_000, 1_000_000), {
      minLength: 1,
      maxLength: 4,
    })
    .map((all) => all.toSorted((a, b) => a - b)),
});

function rulesAndBase(): fc.Arbitrary<{ readonly rules: RollupRules; readonly baseMs: number }> {
  return fc.constantFrom(...resolutions).chain((resolutionsMs) => {
    const baseMs = resolutionsMs.reduce(greatestCommonDivisor);
    return fc
      .record({
        startMs: fc.constantFrom(...starts),
        batchMs: fc.constantFrom(baseMs, 2 * baseMs, 5 * baseMs, Math.floor(1.5 * baseMs)),
        latenessMs: fc.constantFrom(0, 1, baseMs, 2 * baseMs + 1, 6 * baseMs, undefined),
        duplicates: fc.constantFrom('first', 'last'),
        maxGapMs: fc.constantFrom(undefined, 1, baseMs, 3 * baseMs - 1, 20 * baseMs),
        maxFutureMs: fc.constantFrom(undefined, 0, baseMs, 2 * baseMs + 1),
        quantiles: fc.option(quantiles, { nil: undefined, freq: 1 }),
      } as const)
      .map((rules) => ({ rules: { resolutionsMs, ...rules }, baseMs }));
  });
}

function likely<T>(weight: number, usual: T, rare: T): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(rare) });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
