import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CommitStateUnknownError } from '../../lib/errors.ts';
import { handlers } from '../../lib/run/handlers.ts';
import { planPipeline, runPipeline } from '../../lib/run/local/local.ts';
import { stageItems } from '../../lib/run/units/stages.ts';
import type { UnitItem } from '../../lib/run/workload.ts';
import { workloadOf } from '../../lib/run/workloads.ts';
import type { CatalogPointer } from '../../lib/stores/ports.ts';
import type { OracleBatch } from '../oracle/rollup-oracle.ts';
import { batchesOf, expectOracle, rollUpTo } from './checks.ts';
import { commitOf, rollBack } from './other-writers.ts';
import { openRollup, type RollupProduct } from './product.ts';
import { batchOf, pointAt, threeBatches } from './scenario.ts';

const { rules, batches } = threeBatches;
const [first, second, third] = batches;

test('a batch that is run or resumed again changes neither the table nor one of its files', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, batches);
  const [newest] = await product.world.state.runs.list('metrics', 1);
  const before = await contents(product);
  expect((await product.run(third)).run).toBeUndefined();
  expect((await product.resume(newest?.runId ?? '')).run?.status).toBe('succeeded');
  expect(await contents(product)).toEqual(before);
});

test('another writer’s commit of the same batch number is a fork: refused by name, nothing is added', async () => {
  let meddle = false;
  await using product: RollupProduct = await openRollup({
    rules,
    step: async (name) => {
      if (!meddle || name !== 'state-written') return;
      meddle = false;
      await commitOf(product, {
        'partwise.batch': '1',
        'partwise.state': 'file:///elsewhere',
        'partwise.state-digest': 'x',
      });
    },
  });
  await rollUpTo(product, [first]);
  await product.arrive(second);
  meddle = true;
  const { run } = await product.run(second);
  expect(run?.error?.name).toBe('BatchOrderError');
  expect(run?.error?.message).toContain('a fork');
  expect(await batchesOf(product)).toEqual(['0', '1']);
  await expectOracle(product, batches, 1);
});

test('a table that is rolled back while a batch is worked on would have a gap: refused by name', async () => {
  let meddle = false;
  await using product: RollupProduct = await openRollup({
    rules,
    step: async (name) => {
      if (!meddle || name !== 'state-written') return;
      meddle = false;
      await rollBack(product, 0);
    },
  });
  await rollUpTo(product, [first, second]);
  await product.arrive(third);
  meddle = true;
  const { run } = await product.run(third);
  expect(run?.error?.name).toBe('BatchOrderError');
  expect(run?.error?.message).toContain('there would be a gap');
  await expectOracle(product, batches, 1);
});

test('on a table that was rolled back no batch is run without the files of the runs that had it', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first, second]);
  await rollBack(product, 0);
  await product.arrive(third);
  await expect(product.run(third)).rejects.toMatchObject({
    name: 'BatchOrderError',
    next: 'partwise replay --from-batch 1',
  });
  await expectOracle(product, batches, 1);
});

test('a batch that a saved plan holds waits for it', async () => {
  await using product = await openRollup({ rules });
  await product.arrive(first);
  const { world, config } = product;
  const planned = await planPipeline({ world, config, untilMs: rules.startMs + rules.batchMs });
  expect(planned.run?.status).toBe('planned');
  await expect(product.run(first)).rejects.toMatchObject({ name: 'UnfinishedBatchError' });
  expect((await product.resume(planned.run?.runId ?? '')).run?.status).toBe('succeeded');
  await expectOracle(product, batches, 1);
});

test('a file that is recorded after its batch was claimed is the next one’s, whenever it arrived', async () => {
  const straggler = batchOf(0, [pointAt(285, 40), pointAt(30, 41)], { key: 'straggler' });
  let late: OracleBatch | undefined;
  await using product: RollupProduct = await openRollup({
    rules,
    step: async (name) => {
      if (name !== 'claimed' || late !== undefined) return;
      late = straggler;
      await product.arrive(late);
    },
  });
  await product.arrive(first);
  expect((await product.run(first)).run?.status).toBe('succeeded');
  await expectOracle(product, batches, 1);
  await product.arrive(second);
  expect((await product.run(second)).run?.status).toBe('succeeded');
  await expectOracle(product, [first, { ...second, files: [...straggler.files, ...second.files] }], 2);
});

test('another writer’s compaction on top says nothing of batches: the next one follows the one before it', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first]);
  await commitOf(product, {});
  await product.arrive(second);
  expect((await product.run(second)).run?.status).toBe('succeeded');
  expect(await batchesOf(product)).toEqual(['0', undefined, '1']);
  await expectOracle(product, batches, 2);
});

test('a batch without files is a commit that closes what its time has closed', async () => {
  await using product = await openRollup({ rules });
  const empty = { ...second, files: [] };
  await rollUpTo(product, [first, empty, third]);
  expect(await batchesOf(product)).toEqual(['0', '1', '2']);
  await expectOracle(product, [first, empty, third], 3);
});

test('two attempts of one unit at once leave one set of rows', async () => {
  let twice: Promise<unknown> | undefined;
  await using product: RollupProduct = await openRollup({
    rules,
    step: async (name) => {
      if (name !== 'unit:rollup' || twice !== undefined) return;
      const { world, config } = product;
      const [run] = await world.state.runs.list('metrics', 1);
      const functions = handlers({
        world,
        pipeline: async () => config,
        workloadOf,
        signal: new AbortController().signal,
      });
      const items = `${world.results.root}/runs/${run?.runId}/plan/rollup-0.items.jsonl`;
      const units: UnitItem[] = [];
      for await (const item of stageItems(world.results, items)) units.push(item);
      twice = Promise.resolve();
      twice = Promise.all(units.map((item) => functions.work({ ...item, attempt: 1 }))).then(
        () => undefined,
        (error: unknown) => error,
      );
    },
  });
  await product.arrive(first);
  expect((await product.run(first)).run?.status).toBe('succeeded');
  // Or, when it comes only after the state has been sealed, it is refused by name.
  const refused = await twice;
  if (refused !== undefined) expect(refused).toMatchObject({ name: 'JobClosedError' });
  await expectOracle(product, batches, 1);
  await product.arrive(second);
  expect((await product.run(second)).run?.status).toBe('succeeded');
  await expectOracle(product, batches, 2);
});

test.each([
  ['landed', true],
  ['did not land', false],
] as const)('a swap whose reply is lost is one commit, when it %s', async (_, lands) => {
  let lost = false;
  await using product = await openRollup({
    rules,
    wrapCatalog: (catalog) =>
      losing(catalog, {
        lands,
        isArmed: () => {
          const isDue = lost;
          lost = false;
          return isDue;
        },
      }),
  });
  for (const [index, batch] of batches.entries()) {
    await product.arrive(batch);
    lost = true;
    expect((await product.run(batch)).run?.status).toBe('succeeded');
    expect(lost).toBe(false);
    await expectOracle(product, batches, index + 1);
  }
  expect(await batchesOf(product)).toEqual(['0', '1', '2']);
});

function losing(
  catalog: CatalogPointer,
  options: { readonly lands: boolean; readonly isArmed: () => boolean },
): CatalogPointer {
  return {
    name: catalog.name,
    multiTable: catalog.multiTable,
    current: (identifier) => catalog.current(identifier),
    list: (namespace) => catalog.list(namespace),
    drop: (identifier) => catalog.drop(identifier),
    swap: async (swaps) => {
      if (!options.isArmed()) return catalog.swap(swaps);
      if (options.lands) await catalog.swap(swaps);
      throw new CommitStateUnknownError('the reply was lost');
    },
  };
}

/** Snapshots, and each file of the warehouse with its size and its time. */
async function contents(product: RollupProduct): Promise<readonly string[]> {
  const found: string[] = (await batchesOf(product)).map(String);
  for await (const { location, sizeBytes } of product.world.warehouse.list(product.world.warehouse.root))
    found.push(`${location} ${sizeBytes} ${(await stat(fileURLToPath(location))).mtimeMs}`);
  return found.sort();
}

test('a flush takes what has arrived within the same millisecond', async () => {
  const arrivedMs = rules.startMs + 61_234;
  await using product = await openRollup({ rules, clock: { now: () => arrivedMs } });
  const file = { arrivedMs, key: 'now', version: '1', points: [pointAt(10, 3)] };
  await product.arrive({ batch: 0, flush: true, files: [file] });
  const { world, config } = product;
  const { run } = await runPipeline({ world, config, branch: 'main', flush: true });
  expect(run?.error).toBeUndefined();
  expect(await product.rows()).toHaveLength(2);
});
