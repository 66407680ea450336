import fc from 'fast-check';
import { expect, test } from 'vitest';
import { replayBatches } from '../../../lib/cli/replay.ts';
import { newestBatch } from '../../../lib/rollup/batch.ts';
import { maintainRollups } from '../../../lib/rollup/maintain.ts';
import { readState } from '../../../lib/rollup/state/state.ts';
import { expectOracle, tableOf } from '../../rollup/checks.ts';
import { failingStep } from '../../rollup/failing-step.ts';
import { branchOff } from '../../rollup/other-writers.ts';
import { openRollup, type RollupProduct } from '../../rollup/product.ts';
import { batchOf, pointAt, threeBatches } from '../../rollup/scenario.ts';

const { rules } = threeBatches;
const day = 86_400_000;

type Act =
  | { readonly kind: 'batch'; readonly failsAt: number | undefined; readonly points: readonly number[] }
  | { readonly kind: 'upkeep'; readonly days: number }
  | { readonly kind: 'branch' }
  | { readonly kind: 'replay'; readonly back: number };

const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      failsAt: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      points: fc.array(fc.integer({ min: -120, max: 299 }), { maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('upkeep' as const), days: fc.constantFrom(0, 2, 5, 9) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'branch' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replay' as const), back: fc.integer({ min: 0, max: 2 }) }),
  },
);

test('whatever fails, branches, is replayed and is tidied up between batches: nothing is deleted that a batch, a branch or a resume needs', {
  timeout: 600_000,
}, async () => {
  await fc.assert(fc.asyncProperty(fc.array(acts, { minLength: 4, maxLength: 9 }), live), {
    numRuns: Number(process.env['RUNS'] ?? 8),
  });
});

async function live(history: readonly Act[]): Promise<void> {
  let ahead = 0;
  const stopper = failingStep();
  await using product = await openRollup({
    rules,
    step: stopper.step,
    clock: { now: () => Date.now() + ahead },
    document: { maintenance: { auto: false, keepSnapshots: 2 }, resumeHorizon: '365d' },
  });
  const { world, config } = product;
  const done = [];
  const branches: string[] = [];
  for (const [index, act] of history.entries()) {
    switch (act.kind) {
      case 'batch': {
        const number = done.length;
        const batch = batchOf(
          number,
          act.points.map((seconds, at) =>
            pointAt(number * 300 + seconds, at * 7 - 9, at % 2 === 0 ? 'cpu' : 'disk'),
          ),
          { key: `f${index}` },
        );
        await product.arrive(batch);
        if (act.failsAt !== undefined) {
          stopper.armNth(act.failsAt);
          await product.run(batch).catch(() => undefined);
          stopper.disarm();
          ahead += 9 * day;
          await maintainRollups(world, config, { apply: true });
          await expectWhole(product, branches);
        }
        const { run } = await product.run(batch);
        const isOver = run === undefined && act.failsAt !== undefined;
        expect(isOver || run?.status === 'succeeded').toBe(true);
        done.push(batch);
        break;
      }
      case 'upkeep':
        ahead += act.days * day;
        await maintainRollups(world, config, { apply: true });
        break;
      case 'branch':
        if (done.length === 0) break;
        branches.push(`b${index}`);
        await branchOff(product, `b${index}`);
        break;
      case 'replay': {
        const from = done.length - act.back;
        if (from < 1 || from >= done.length) break;
        await replayBatches({ world, config, from, branch: `replay-${index}` }).catch((error: unknown) => {
          // What is too old to be replayed is refused by name.
          expect(error).toMatchObject({ name: 'PinnedSnapshotExpiredError' });
        });
        break;
      }
    }
    if (done.length === 0) continue;
    await expectWhole(product, branches);
    await expectOracle(product, done);
  }
}

/** Every row of every branch can be read, and every file is there that its next batch starts from. */
async function expectWhole(product: RollupProduct, branches: readonly string[]): Promise<void> {
  const { warehouse, catalog } = product.world;
  if ((await catalog.current({ namespace: 'partwise', name: 'metrics_rollups' })) === undefined) return;
  for (const branch of ['main', ...branches]) {
    await product.rows(branch);
    const newest = newestBatch(await tableOf(product), branch);
    if (newest === undefined) throw new TypeError(`no batch on ${branch}`);
    const { hot, tails, part } = await readState(warehouse, newest);
    for (const { location, sizeBytes } of [...hot, ...tails, ...part])
      expect(await warehouse.head(location)).toMatchObject({ sizeBytes });
  }
}
