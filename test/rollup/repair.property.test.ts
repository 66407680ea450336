import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PointScenario, pointScenarios } from '../generators/points.ts';
import {
  type OracleBatch,
  type OraclePoint,
  type OracleRepair,
  rollupOracle,
} from '../oracle/rollup-oracle.ts';
import { openRollup } from './product.ts';
import { expectState, repair } from './repair.ts';

/** A repair's point: one of the scenario's at another time, and perhaps under the labels of another one. */
interface Moved {
  readonly point: number;
  readonly windows: number;
  readonly jitterMs: number;
  readonly value: bigint;
  readonly labels: number;
}

interface Repairing {
  readonly after: number;
  readonly lateFrom: number | undefined;
  readonly moved: readonly Moved[];
}

const moved: fc.Arbitrary<Moved> = fc.record({
  point: fc.nat(60),
  windows: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: -40, max: 6 }) },
  ),
  jitterMs: fc.constantFrom(0, 0, 1, -1, 17),
  value: fc.oneof(fc.bigInt({ min: -3n, max: 9n }), fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n)),
  labels: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }),
});

const repairs: fc.Arbitrary<readonly Repairing[]> = fc.array(
  fc.record({
    after: fc.nat(4),
    lateFrom: fc.option(fc.nat(2), { nil: undefined }),
    moved: fc.array(moved, { maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 4 },
);

test('after every repair, and batches on top of them, the rows and the state are the oracle’s, whatever the points', {
  timeout: 900_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(pointScenarios(), repairs, fc.nat(100), async (scenario, wanted, seed) =>
      play(scenario, wanted, seed),
    ),
    { numRuns: Number(process.env['PARTWISE_RUNS'] ?? 20) },
  );
});

async function play(scenario: PointScenario, wanted: readonly Repairing[], seed: number): Promise<void> {
  const { idType, rules } = scenario;
  const first = scenario.batches.findIndex((batch) => batch.files.length > 0);
  if (first < 0) return;
  const baseMs = rules.resolutionsMs.reduce((a, b) => {
    let [one, rest] = [a, b];
    while (rest !== 0) [one, rest] = [rest, one % rest];
    return one;
  });
  const points = scenario.batches.flatMap(({ files }) => files.flatMap((file) => file.points));
  await using product = await openRollup({ rules, idType, seed });
  const done: OracleBatch[] = [];
  for (const [index, batch] of scenario.batches.slice(first).entries()) {
    await product.arrive(batch);
    const { run } = await product.run(batch);
    expect(run?.error).toBeUndefined();
    done.push(batch);
    for (const { lateFrom, moved: all } of wanted.filter(({ after }) => after === index)) {
      const one: OracleRepair = { lateFrom, points: all.flatMap((each) => movedPoint(points, each, baseMs)) };
      const before = rollupOracle(rules, done);
      if (before.closedThroughMs === undefined || !rules.resolutionsMs.includes(baseMs)) {
        await expect(repair(product, { lateFrom, points: [] })).rejects.toMatchObject({
          name: 'RepairRefusedError',
        });
        continue;
      }
      const outcome = await repair(product, one, { idType });
      expect(outcome.run?.error).toBeUndefined();
      expect(outcome.run?.status).toBe('succeeded');
      const last = done.pop() ?? batch;
      done.push({ ...last, repairs: [...(last.repairs ?? []), one] });
      const expected = rollupOracle(rules, done).repaired.at(-1);
      const found = (outcome.run?.facts['repair'] as { points: Record<string, number> } | undefined)?.points;
      if (found !== undefined)
        expect({ taken: found['taken'], duplicates: found['duplicates'], tooFar: found['tooFar'] }).toEqual(
          expected,
        );
      await expectState(product, done);
    }
  }
  // What a repair has left is what the batches after it go on from.
  await expectState(product, done);
}

function movedPoint(points: readonly OraclePoint[], one: Moved, baseMs: number): readonly OraclePoint[] {
  const from = points[one.point % points.length];
  const labels = points[one.labels % points.length];
  if (from === undefined || labels === undefined) return [];
  const { orgId, metric, shardId } = one.labels === 0 ? from : labels;
  return [
    {
      id: from.id,
      orgId,
      metric,
      shardId,
      value: one.value,
      timeMs: from.timeMs + one.windows * baseMs + one.jitterMs,
    },
  ];
}
