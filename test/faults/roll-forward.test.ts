import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CommitStateUnknownError } from '../../lib/errors.ts';
import {
  commitStaged,
  currentSnapshot,
  liveFiles,
  loadTable,
  stageCommit,
  type Table,
} from '../../lib/iceberg/index.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { filePath } from '../../lib/stores/location.ts';
import type { CatalogPointer } from '../../lib/stores/ports.ts';
import { maintainTables } from '../../lib/summary/maintain.ts';
import type { RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import {
  comparable,
  latestDifferences,
  readTables,
  type TableRole,
  tableIdentifier,
} from '../summary/tables.ts';
import { runScript } from './child.ts';
import { oneTableAtATime } from './one-table.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 47, keys: 40, months: 8, changed: 0.3 });
const { shape } = scenario;
const [firstRun = [], secondRun = []] = scenario.runs;
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 2 });

interface Broken extends Product {
  /** The process ends, so to say, when it next comes to this step. */
  endAt(step: string): void;
}

async function loaded(
  wrapCatalog: (catalog: CatalogPointer) => CatalogPointer = oneTableAtATime,
): Promise<Broken> {
  let end: string | undefined;
  const product = await openProduct({
    shape,
    document,
    wrapCatalog,
    step: async (name) => {
      if (name !== end) return;
      end = undefined;
      throw new Error(`ended at ${name}`);
    },
  });
  onTestFinished(() => product[Symbol.asyncDispose]());
  await bulkLoad(product, scenario.initial);
  return {
    ...product,
    endAt: (step) => {
      end = step;
    },
  };
}

function table({ world }: Product, role: TableRole): Promise<Table> {
  const identifier = tableIdentifier(role);
  return loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
}

async function runIds(product: Product): Promise<(string | undefined)[]> {
  return Promise.all(
    (['summary', 'latest'] as const).map(
      async (role) => currentSnapshot(await table(product, role))?.summary['partwise.run-id'],
    ),
  );
}

/** Publishes the first run's summary and ends before latest. */
async function halfPublished(): Promise<{ readonly product: Broken; readonly runId: string }> {
  const product = await loaded();
  await product.drop(firstRun);
  const before = await readTables(product.world);
  product.endAt('between-swaps');
  const { run } = await product.run();
  expect(run?.status).toBe('failed');
  const after = await readTables(product.world);
  expect(after.latest).toEqual(before.latest);
  expect(after.summary).not.toEqual(before.summary);
  const runId = run?.runId ?? '';
  expect(await runIds(product)).toEqual([runId, undefined]);
  return { product, runId };
}

/** The newest run whose snapshot is in the table, compactions on top of it or not. */
async function runOf(product: Product, role: TableRole): Promise<string | undefined> {
  return (await table(product, role)).metadata.properties['partwise.run-id'];
}

describe('a run that ends between the swaps of its two tables', () => {
  it('is finished by its own resume, with the commit that was prepared', async () => {
    const { product, runId } = await halfPublished();
    const record = currentSnapshot(await table(product, 'summary'));
    const [prepared] = JSON.parse(record?.summary['partwise.prepared'] ?? '[]');
    expectSucceeded(await product.resume(runId));
    await expectTables(product, expectedTables(scenario, 1));
    const latest = await table(product, 'latest');
    expect(latest.metadataLocation).toBe(prepared.next);
    expect(currentSnapshot(latest)?.summary['partwise.summary-snapshot-id']).toBe(String(record?.snapshotId));
  });

  it('is finished by the next run before that one plans, and its own resume then finds itself done', async () => {
    const { product, runId } = await halfPublished();
    await product.drop(secondRun);
    const next = await product.run();
    expectSucceeded(next);
    await expectTables(product, expectedTables(scenario, 2));
    const latest = await table(product, 'latest');
    const runs = latest.metadata.snapshots.map((snapshot) => snapshot.summary['partwise.run-id']);
    expect(runs.filter((one) => one !== undefined)).toEqual([runId, next.run?.runId]);
    expectSucceeded(await product.resume(runId));
    await expectTables(product, expectedTables(scenario, 2));
    expect((await table(product, 'latest')).metadataLocation).toBe(latest.metadataLocation);
  });

  it('is finished on top of a compaction that came between the swaps', async () => {
    const { product, runId } = await halfPublished();
    await replaceOneFile(product, 'replace');
    expectSucceeded(await product.resume(runId));
    await expectTables(product, expectedTables(scenario, 1));
    const latest = await table(product, 'latest');
    const line = latest.metadata.snapshots.map((snapshot) => snapshot.summary['operation']);
    expect(line.slice(-2)).toEqual(['replace', currentSnapshot(latest)?.summary['operation']]);
    expect(currentSnapshot(latest)?.parentSnapshotId).toBe(latest.metadata.snapshots.at(-2)?.snapshotId);
    for (const files of scenario.runs.slice(1)) {
      await product.drop(files);
      expectSucceeded(await product.run());
    }
    await expectTables(product, expectedTables(scenario));
  });

  it('is finished on its branch by the next run of main', async () => {
    const product = await loaded();
    const { world, config } = product;
    await product.drop(firstRun);
    product.endAt('between-swaps');
    const { run } = await runPipeline({ world, config, branch: 'check' });
    expect(run?.status).toBe('failed');
    await product.drop(secondRun);
    expectSucceeded(await product.run());
    const onBranch = await readTables(world, 'check');
    expect(comparable(shape, onBranch)).toEqual(expectedTables(scenario, 1));
    expect(latestDifferences(onBranch)).toEqual([]);
    expect(latestDifferences(await readTables(world))).toEqual([]);
  });

  it('is finished by maintenance before that compacts, expires or deletes anything', async () => {
    const { product, runId } = await halfPublished();
    const { world, config } = product;
    const later = { ...world, clock: { now: () => Date.now() + 400 * 86_400_000 } };
    await maintainTables(later, { ...config, resumeHorizon: '1d' }, { apply: true });
    expect(await runOf(product, 'latest')).toBe(runId);
    await expectTables(product, expectedTables(scenario, 1));
  });

  it('is not finished over another writer’s rows, and says so', async () => {
    const { product, runId } = await halfPublished();
    await replaceOneFile(product, 'overwrite');
    const before = (await table(product, 'latest')).metadataLocation;
    const outcome = await product.resume(runId);
    expect(outcome.run?.error?.name).toBe('IntegrityError');
    expect(outcome.run?.error?.message).toContain(runId);
    expect((await table(product, 'latest')).metadataLocation).toBe(before);
  });

  it('is finished over another writer’s rows by a repair of latest', async () => {
    const { product, runId } = await halfPublished();
    await replaceOneFile(product, 'overwrite');
    const { world, config } = product;
    const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'suspect' };
    expectSucceeded(await runTask({ world, config, task }));
    await expectTables(product, expectedTables(scenario, 1));
    const record = currentSnapshot(await table(product, 'summary'));
    const latest = await table(product, 'latest');
    expect(latest.metadata.properties['partwise.follows.main']).toBe(String(record?.snapshotId));
    expect(currentSnapshot(latest)?.summary['partwise.summary-snapshot-id']).toBe(String(record?.snapshotId));
    expectSucceeded(await product.resume(runId));
    await product.drop(secondRun);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, 2));
  });

  it('is finished when it was the one that creates the tables', async () => {
    const product = await openProduct({
      shape,
      document,
      wrapCatalog: oneTableAtATime,
      step: once('between-swaps'),
    });
    onTestFinished(() => product[Symbol.asyncDispose]());
    await product.drop(firstRun);
    const { run } = await product.run();
    expect(run?.status).toBe('failed');
    expect(await product.world.catalog.current(tableIdentifier('latest'))).toBeUndefined();
    expectSucceeded(await product.resume(run?.runId ?? ''));
    expect(await runIds(product)).toEqual([run?.runId, run?.runId]);
  });

  it('ends with the tables of a clean run after kill -9, and again after kill -9 while it is resumed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'partwise-roll-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const root = join(folder, 'root');
    const settings = join(folder, 'settings.json');
    await writeFile(settings, JSON.stringify({ shape, document }));
    const visit = async <T>(action: (product: Product) => Promise<T>): Promise<T> => {
      await using product = await openProduct({ shape, document, root });
      return await action(product);
    };
    await visit(async (product) => {
      await bulkLoad(product, scenario.initial);
      await product.drop(firstRun);
    });
    const child = (args: readonly string[], killAt?: string) =>
      runScript('test/faults/one-table-child.ts', [root, settings, ...args], {
        env: killAt === undefined ? {} : { PARTWISE_KILL_AT: killAt },
      });
    const killed = await child([], 'between-swaps');
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const run = await visit(
      async ({ world, config }) => (await world.state.runs.list(config.pipeline, 1))[0],
    );
    expect(await visit(runIds)).toEqual([run?.runId, undefined]);
    const again = await child([run?.runId ?? ''], 'audited');
    expect(again.signal, again.stderr).toBe('SIGKILL');
    const resumed = await child([run?.runId ?? '']);
    expect(resumed.code, resumed.stderr).toBe(0);
    await visit((product) => expectTables(product, expectedTables(scenario, 1)));
  });
});

describe('a catalog that swaps one table at a time', () => {
  it('gives the tables of the scenario, run after run', async () => {
    const product = await loaded();
    for (const files of scenario.runs) {
      await product.drop(files);
      expectSucceeded(await product.run());
    }
    await expectTables(product, expectedTables(scenario));
    const prepared = (await table(product, 'summary')).metadata.snapshots.map(
      (snapshot) => snapshot.summary['partwise.prepared'],
    );
    expect(prepared.filter((one) => one !== undefined).length).toBe(scenario.runs.length);
  });

  for (const lands of [true, false]) {
    for (const which of [1, 2]) {
      it(`applies a run once when the reply of swap ${which} is lost ${lands ? 'after' : 'before'} it landed`, async () => {
        let swaps = 0;
        let armed = false;
        const product = await loaded((catalog) => {
          const one = oneTableAtATime(catalog);
          return {
            ...one,
            swap: async (wanted) => {
              if (armed) swaps += 1;
              if (!armed || swaps !== which) return one.swap(wanted);
              armed = false;
              if (lands) await one.swap(wanted);
              throw new CommitStateUnknownError('the reply was lost');
            },
          };
        });
        await product.drop(firstRun);
        armed = true;
        const { run } = await product.run();
        expect(run?.error).toBeUndefined();
        expect(armed).toBe(false);
        await expectTables(product, expectedTables(scenario, 1));
        expect(await runIds(product)).toEqual([run?.runId, run?.runId]);
      });
    }
  }
});

function once(step: string): (name: string) => Promise<void> {
  let armed = true;
  return async (name) => {
    if (name !== step || !armed) return;
    armed = false;
    throw new Error(`ended at ${name}`);
  };
}

/** Puts a copy in the place of one file of latest that has no deletes: rows in, rows out. */
async function replaceOneFile(product: Product, operation: 'replace' | 'overwrite'): Promise<void> {
  const { world } = product;
  const latest = await table(product, 'latest');
  const store = world.warehouse;
  const snapshotId = currentSnapshot(latest)?.snapshotId;
  for await (const { file, deletes } of liveFiles({ store, table: latest, snapshotId, statistics: true })) {
    if (deletes.length > 0) continue;
    const location = file.location.replace('.parquet', '-compacted.parquet');
    await copyFile(filePath(file.location), filePath(location));
    const staged = await stageCommit({
      store,
      table: latest,
      clock: world.clock,
      operation,
      changes: { removed: [file], added: [{ ...file, location }] },
    });
    await commitStaged({ store, catalog: world.catalog, staged: [staged] });
    return;
  }
  throw new Error('latest has no file without deletes');
}
