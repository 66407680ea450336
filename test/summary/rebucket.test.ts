import { randomBytes } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { switchToBranch } from '../../lib/cli/branches.ts';
import { checkRuns } from '../../lib/cli/doctor/runs.ts';
import {
  commitStaged,
  currentSchema,
  currentSnapshot,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  positionDeleteFieldIds,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { cancelRun, planPipeline, resumeRun, runPipeline } from '../../lib/run/local/local.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { monthText } from '../oracle/worked-examples.ts';
import { bulkLoad } from './bulk-load.ts';
import { writeForeign } from './foreign-writer.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
  type ProductOptions,
} from './product.ts';
import { everyRow, filesOf, rebucket, verified, withBuckets, wrongIn } from './rewritten.ts';
import { readTables, tableRoles } from './tables.ts';
import { tamperWritten } from './tamper.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 21, keys: 24, months: 5, changed: 0.3 });
const documentOf = (count: number, work = {}) => ({
  work: { unitBytes: '32 KB', ...work },
  tables: { buckets: count },
  maintenance: { auto: false },
});

async function loaded(count: number, options: Partial<ProductOptions> = {}): Promise<Product> {
  const product = await openProduct({ shape: scenario.shape, document: documentOf(count), ...options });
  await bulkLoad(product, scenario.initial);
  return product;
}

async function apply(product: Product, index: number): Promise<void> {
  await product.drop(scenario.runs[index] ?? []);
  expectSucceeded(await product.run());
}

/** Another pipeline over the same tables: neither can see the other at work. */
function anotherPipeline(product: Product): Promise<Product> {
  return openProduct({
    shape: scenario.shape,
    root: product.world.rootPath,
    document: {
      ...documentOf(2),
      pipeline: 'other',
      tables: Object.fromEntries(tableRoles.map((role) => [role, `proof_${role}`])),
    },
  });
}

describe('a change of the number of buckets', () => {
  for (const [from, to] of [
    [4, 8],
    [6, 4],
    [1, 5],
    [3, 1],
  ] as const)
    it(`rewrites every row, from ${from} to ${to}, and nothing of it changes`, async () => {
      const work = { rewrite: 'merge-on-read' };
      await using product = await loaded(from, { document: documentOf(from, work) });
      for (const index of [0, 1]) await apply(product, index);
      const before = await everyRow(product);
      expect((await filesOf(product, 'summary')).deletes).not.toEqual([]);
      const outcome = await rebucket(product, to);
      expectSucceeded(outcome);
      expect(await everyRow(product)).toEqual(before);
      for (const role of tableRoles) {
        const { table, data, deletes } = await filesOf(product, role);
        expect(currentSpec(table).fields.at(-1)?.transform).toBe(`bucket[${to}]`);
        for (const { specId } of data) expect(specId).toBe(table.metadata.defaultSpecId);
        expect(deletes).toEqual([]);
        expect(currentSnapshot(table)?.summary['operation']).toBe('replace');
      }
      expect(await wrongIn(product)).toEqual([]);
      expect((await verified(product, outcome)).passed).toBe(true);
    });

  it('is gone on from by later runs, and by a change back to the first number', async () => {
    await using product = await loaded(2);
    await using unsaid = await withBuckets(product, undefined);
    await apply(unsaid, 0);
    expectSucceeded(await rebucket(product, 6));
    await apply(unsaid, 1);
    await expectTables(product, expectedTables(scenario, 2));
    expectSucceeded(await rebucket(product, 2));
    await using said = await withBuckets(product, 2);
    await apply(said, 2);
    await expectTables(product, expectedTables(scenario, 3));
    expect(await wrongIn(product)).toEqual([]);
    const { table } = await filesOf(product, 'summary');
    expect(table.metadata.specs).toHaveLength(2);
    expect(table.metadata.defaultSpecId).toBe(0);
  });

  it('is attempt 1 at first, and attempt 2 when it is taken up again', async () => {
    let isDown = true;
    const told: number[] = [];
    await using product = await loaded(2, {
      step: async (name) => {
        if (isDown && name === 'audited') throw new TypeError('died');
      },
    });
    expect((await rebucket(product, 4)).run?.attempt).toBe(1);
    for await (const { attempt } of product.world.state.checkpoints.list(
      (await product.world.state.runs.list('proof', 1))[0]?.runId ?? '',
    ))
      told.push(attempt);
    expect(new Set(told)).toEqual(new Set([1]));
    isDown = false;
    expect((await rebucket(product, 4)).run).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('commits nothing for the number that the tables have', async () => {
    await using product = await loaded(2);
    const before = await filesOf(product, 'summary');
    const { run } = await rebucket(product, 2);
    expect(run?.error).toBeUndefined();
    const { table } = await filesOf(product, 'summary');
    expect(table.metadata.snapshots).toHaveLength(before.table.metadata.snapshots.length);
  });

  it('takes delete files along that are for files of several units', async () => {
    const document = documentOf(2, { unitBytes: '1 KB' });
    await using product = await loaded(2, { document });
    await apply(product, 1);
    await deleteAcross(product);
    const before = await everyRow(product);
    const old = await filesOf(product, 'summary');
    expect(old.deletes.some(({ referencedDataFile }) => referencedDataFile === undefined)).toBe(true);
    expectSucceeded(await rebucket(product, 4));
    expect(await everyRow(product)).toEqual(before);
    expect((await filesOf(product, 'summary')).deletes).toEqual([]);
  });

  it('is planned again, and says why, when another writer changes rows before it publishes', async () => {
    let changed = false;
    const notes: string[] = [];
    await using product = await loaded(2, {
      onProgress: (event) => {
        if (event.kind === 'note') notes.push(event.text);
      },
      step: async (name) => {
        if (name !== 'audited' || changed) return;
        changed = true;
        await writeForeign(
          product.world,
          'summary',
          (rows) => `SELECT * REPLACE ('foreign' AS status) FROM ${rows}`,
        );
      },
    });
    const outcome = await rebucket(product, 5);
    expectSucceeded(outcome);
    expect(changed).toBe(true);
    expect(notes).toEqual([
      expect.stringMatching(
        /^planned again since the tables have moved: partwise\.proof_summary: snapshot \d+ -> \d+; only units whose inputs are the same stand$/,
      ),
    ]);
    expect(outcome.run?.facts['replanned']).toBe(notes[0]);
    const rows = (await readTables(product.world)).summary;
    expect(new Set(rows.map((row) => row['status']))).toEqual(new Set(['foreign']));
    expect(currentSpec((await filesOf(product, 'summary')).table).fields.at(-1)?.transform).toBe('bucket[5]');
  });
});

describe('what was for another number of buckets', () => {
  it('is a pipeline file: the error says what to write there, and what to type', async () => {
    await using product = await loaded(2);
    await using wishes = await withBuckets(product, 4);
    await wishes.drop(scenario.runs[0] ?? []);
    const early = await wishes.run().catch((error: unknown) => error);
    expect(early).toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('has 2, the pipeline says 4'),
      next: expect.stringContaining('partwise rebucket --buckets 4'),
    });
    expectSucceeded(await rebucket(product, 4));
    expectSucceeded(await wishes.run());
    await product.drop(scenario.runs[1] ?? []);
    const late = await product.run().catch((error: unknown) => error);
    expect(late).toMatchObject({ name: 'ConfigError', next: expect.stringContaining('write buckets: 4') });
  });

  it('is a run that has not ended: it comes first', async () => {
    await using product = await loaded(2);
    await product.drop(scenario.runs[0] ?? []);
    const planned = await planPipeline(product);
    await expect(rebucket(product, 4)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(`run ${planned.run?.runId} has not ended`),
      next: expect.stringContaining(`partwise run --plan ${planned.run?.runId}`),
    });
  });

  it('is a plan that a rebucket has overtaken: the run is to be cancelled, and the next one takes its files', async () => {
    let isDown = true;
    await using product = await loaded(2, {
      step: async (name) => {
        if (isDown && name === 'audited') throw new TypeError('died');
      },
    });
    await using unsaid = await withBuckets(product, undefined);
    const { run: begun } = await rebucket(product, 4);
    expect(begun?.status).toBe('failed');
    isDown = false;
    await product.drop(scenario.runs[0] ?? []);
    const planned = await planPipeline(product);
    const runId = planned.run?.runId ?? '';
    expect(planned.run?.status).toBe('planned');
    expectSucceeded(await rebucket(product, 4));
    for (const replan of [false, true]) {
      const { run } = await resumeRun({ ...product, runId, replan });
      expect(run?.error).toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining('begun for 2 buckets'),
        next: `partwise cancel ${runId}`,
      });
    }
    const { world } = product;
    expect(await checkRuns(world)).toContainEqual(
      expect.objectContaining({ name: 'run', next: `partwise cancel ${runId}` }),
    );
    await cancelRun({ world, runId });
    expectSucceeded(await unsaid.run());
    await expectTables(product, expectedTables(scenario, 1));
  });

  it.each([
    ['another pipeline changes it between two stages', false],
    ['another pipeline changes it before it is resumed', true],
  ])('is a run at work when %s: no further stage is begun', async (_, dies) => {
    let meanwhile: (() => Promise<void>) | undefined;
    await using product = await loaded(2, {
      document: documentOf(2, { strategy: 'partitionwise' }),
      step: async (name) => {
        if (name !== 'after-checkpoint:resolve' || meanwhile === undefined) return;
        const action = meanwhile;
        meanwhile = undefined;
        await action();
        if (dies) throw new TypeError('died');
      },
    });
    await using other = await anotherPipeline(product);
    await apply(product, 0);
    meanwhile = async () => expectSucceeded(await rebucket(other, 4));
    await product.drop(scenario.runs[1] ?? []);
    const first = await product.run();
    expect(first.plan?.stages.find(({ name }) => name === 'apply')?.units).toBeGreaterThan(0);
    const runId = first.run?.runId ?? '';
    const { run } = dies ? await product.resume(runId) : first;
    expect(run?.error).toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('begun for 2 buckets'),
      next: `partwise cancel ${runId}`,
    });
    expect(run?.facts['audit']).toBeUndefined();
    expect(await product.world.state.checkpoints.count(runId, 'apply')).toBe(0);
    await cancelRun({ world: product.world, runId });
    await using unsaid = await withBuckets(product, undefined);
    expectSucceeded(await unsaid.run());
    await expectTables(product, expectedTables(scenario, 2));
  });

  it('is not a repair that had published latest before: it is resumed to its end', async () => {
    let dies = false;
    await using product = await loaded(2, {
      step: async (name) => {
        if (dies && name === 'published') throw new TypeError('died');
      },
    });
    const { world, config } = product;
    await writeForeign(world, 'latest', (rows) => `SELECT * FROM ${rows} WHERE false`);
    dies = true;
    const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'suspect' };
    const { run } = await runTask({ world, config, task });
    expect(run?.facts['published']).toBeDefined();
    expect(run?.status).toBe('failed');
    dies = false;
    await using other = await anotherPipeline(product);
    expectSucceeded(await rebucket(other, 4));
    expectSucceeded(await product.resume(run?.runId ?? ''));
    await expectTables(product, expectedTables(scenario, 0));
  });

  it('is a branch: it is switched to or given up first', async () => {
    await using product = await loaded(2);
    const { world, config } = product;
    await product.drop(scenario.runs[0] ?? []);
    expectSucceeded(await runPipeline({ world, config, branch: 'check' }));
    await expect(rebucket(product, 4)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('has a branch check'),
      next: expect.stringContaining('partwise switch check'),
    });
    await switchToBranch({ world, config, branch: 'check' });
    expectSucceeded(await rebucket(product, 4));
    await expectTables(product, expectedTables(scenario, 1));
  });

  it('is a file that another writer leaves under the old spec: it is refused, and taken in by the same rebucket', async () => {
    await using product = await loaded(2);
    await using unsaid = await withBuckets(product, undefined);
    const { data } = await filesOf(product, 'summary');
    expectSucceeded(await rebucket(product, 4));
    await putBack(product, data);
    const before = await everyRow(product);
    expect((await wrongIn(product)).map(({ detail }) => detail).join()).toContain(
      'partwise rebucket --buckets 4',
    );
    await unsaid.drop(scenario.runs[0] ?? []);
    const { run } = await unsaid.run();
    expect(run?.error).toMatchObject({
      name: 'UnsupportedFeatureError',
      message: expect.stringContaining('partwise rebucket --buckets 4'),
    });
    await cancelRun({ world: product.world, runId: run?.runId ?? '' });
    const outcome = await rebucket(product, 4);
    expectSucceeded(outcome);
    expect(await everyRow(product)).toEqual(before);
    expectSucceeded(await unsaid.run());
    await expectTables(product, expectedTables(scenario, 1));
    expect(await wrongIn(product)).toEqual([]);
  });
});

/** Another writer's commit that puts files of the old spec in the place of those that hold their rows now: of one old bucket. */
async function putBack(product: Product, old: readonly DataFile[]): Promise<void> {
  const { world } = product;
  const { table, data } = await filesOf(product, 'summary');
  const [file] = old;
  if (file === undefined) throw new Error('no file');
  const [month, bucket] = file.partition;
  const added = old.filter(({ partition }) => partition[0] === month && partition[1] === bucket);
  const removed = data.filter(
    ({ partition }) => partition[0] === month && Number(partition[1]) % 2 === bucket,
  );
  const staged = await stageCommit({
    store: world.warehouse,
    table,
    changes: { added, removed },
    operation: 'replace',
    clock: world.clock,
  });
  await commitStaged({ catalog: world.catalog, staged: [staged] });
}

describe('a rewrite is not published when its audit finds', () => {
  const { key, month } = scenario.initial[0]?.normal ?? { key: '', month: 0 };
  const row = `acct = '${key}' AND as_of = '${monthText(month)}'`;
  const cases: readonly (readonly [string, RegExp, (product: Product) => Promise<number>])[] = [
    [
      'one row with another value',
      /carried rows/,
      ({ world }) =>
        tamperWritten(world, 'summary', `CASE WHEN ${row} THEN 'tampered' ELSE status END AS status`),
    ],
    [
      'one row less',
      /carried rows/,
      ({ world }) => tamperWritten(world, 'summary', 'acct AS acct', `NOT (${row})`),
    ],
    ['rows in the cell of another bucket', /months of cells/, swapBuckets],
  ];
  for (const [what, expected, tamper] of cases)
    it(what, async () => {
      let tampered = 0;
      await using product = await loaded(2, {
        step: async (name) => {
          if (name === 'after-checkpoint:rewrite' && tampered === 0) tampered += await tamper(product);
        },
      });
      const before = await readTables(product.world);
      const { run } = await rebucket(product, 4);
      expect(tampered).toBeGreaterThan(0);
      expect(run?.error?.name).toBe('IntegrityError');
      expect(run?.error?.message).toMatch(expected);
      expect(await readTables(product.world)).toEqual(before);
    });

  it('a file that no unit rewrote', async () => {
    let left = 0;
    await using product = await loaded(2, {
      step: async (name) => {
        if (name === 'planned' && left === 0) left = await leaveOneOut(product);
      },
    });
    const before = await readTables(product.world);
    const { run } = await rebucket(product, 4);
    expect(left).toBe(2);
    expect(run?.error).toMatchObject({
      name: 'IntegrityError',
      message: expect.stringContaining('was not rewritten'),
    });
    expect(await readTables(product.world)).toEqual(before);
  });
});

/** Takes the first unit of each stage out of its list. */
async function leaveOneOut({ world }: Product): Promise<number> {
  const { results } = world;
  let left = 0;
  for await (const { location } of results.list(joinLocation(results.root, 'runs', ''))) {
    if (!/(rewrite|compare)-0\.items\.jsonl$/.test(location)) continue;
    const [, ...others] = new TextDecoder().decode(await results.read(location)).split('\n');
    await results.write(location, new TextEncoder().encode(others.join('\n')), { overwrite: true });
    left += 1;
  }
  return left;
}

/** Exchanges two files that the run has written for different buckets of one month. */
async function swapBuckets({ world }: Product): Promise<number> {
  const folder = `${world.rootPath}/warehouse/partwise/proof_summary/data`;
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.includes('proof-')).sort();
  const [first = ''] = files;
  const other = files.find(
    (file) => dirname(file) !== dirname(first) && file.startsWith(first.split('/')[0] ?? ''),
  );
  if (other === undefined) return 0;
  await rename(join(folder, first), join(folder, 'aside'));
  await rename(join(folder, other), join(folder, first));
  await rename(join(folder, 'aside'), join(folder, other));
  return 2;
}

/** Another writer's delete file for the first row of each of two files of one cell. */
async function deleteAcross(product: Product): Promise<void> {
  const { world } = product;
  const { table, data } = await filesOf(product, 'summary');
  const cells = Map.groupBy(data, ({ partition }) => String(partition));
  const [one, two] = [...cells.values()].find((files) => files.length > 1) ?? [];
  if (one === undefined || two === undefined) throw new Error('no cell has two files');
  await using session = await world.engine.open({
    threads: 1,
    memoryBytes: 2 ** 28,
    workFolder: `${world.workRoot}/across-${randomBytes(4).toString('hex')}`,
  });
  const rows = [one, two].map(({ location }) => `('${location}', 0::BIGINT)`).sort();
  const [written] = await session.writeParquet({
    select: `SELECT * FROM (VALUES ${rows.join(', ')}) AS t(file_path, pos)`,
    path: `${session.workFolder}/across.parquet`,
    fieldIds: positionDeleteFieldIds,
  });
  if (written === undefined) throw new Error('nothing was written');
  const location = `${table.metadata.location}/data/across-${randomBytes(4).toString('hex')}.parquet`;
  await world.warehouse.adopt(written.path, location);
  const deletes = dataFileFromWritten({
    written,
    schema: currentSchema(table),
    spec: currentSpec(table),
    partition: one.partition,
    location,
    content: 'position-deletes',
  });
  const staged = await stageCommit({
    store: world.warehouse,
    table,
    changes: { addedDeletes: [deletes] },
    operation: 'overwrite',
    clock: world.clock,
  });
  await commitStaged({ catalog: world.catalog, staged: [staged] });
}
