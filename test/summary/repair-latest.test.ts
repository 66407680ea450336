import { beforeAll, describe, expect, it } from 'vitest';
import { currentSnapshot, loadTable } from '../../lib/iceberg/index.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { lookAtLatest } from '../../lib/summary/repair/look.ts';
import type { BucketScope, RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from './bulk-load.ts';
import { writeForeign } from './foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct, type Product } from './product.ts';
import { readTables, tableIdentifier } from './tables.ts';
import { tamperWritten } from './tamper.ts';

const full = bulkScenario({ shape: smallShape, seed: 5, keys: 40, months: 9, changed: 0.3 });
/** One run: late months, corrections and deletes at once. */
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const document = { tables: { buckets: 3 }, maintenance: { auto: false } };

/** Tables after all runs of the scenario, and a repair of everything that is right already. */
async function madeTables(): Promise<Product> {
  const product = await openProduct({ shape: scenario.shape, document });
  await bulkLoad(product, scenario.initial);
  for (const files of scenario.runs) {
    await product.drop(files);
    expectSucceeded(await product.run());
  }
  return product;
}

function repair({ world, config }: Product, buckets: BucketScope = 'suspect') {
  const task: RepairLatestTask = { kind: 'repair-latest', buckets };
  return runTask({ world, config, task });
}

async function snapshotOf({ world }: Product, role: 'summary' | 'latest') {
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(role),
  });
  return currentSnapshot(table);
}

/** What another writer may do to latest, and what is then wrong with each of the keys. */
interface Damage {
  readonly change: (rows: string, keys: readonly string[]) => string;
  readonly kind: string;
}

const damages: Readonly<Record<string, Damage>> = {
  'rows that are gone': {
    change: (rows, keys) => `SELECT * FROM ${rows} WHERE acct NOT IN (${list(keys)})`,
    kind: 'missing',
  },
  'rows that are there twice': {
    change: (rows, keys) =>
      `SELECT * FROM ${rows} UNION ALL SELECT * FROM ${rows} WHERE acct IN (${list(keys)})`,
    kind: 'twice',
  },
  'rows of keys that summary does not have': {
    change: (rows, keys) =>
      `SELECT * FROM ${rows} UNION ALL SELECT * REPLACE ('none-' || acct AS acct) FROM ${rows} WHERE acct IN (${list(keys)})`,
    kind: 'surplus',
  },
  'rows of another month': {
    change: (rows, keys) =>
      `SELECT * REPLACE (CASE WHEN acct IN (${list(keys)}) THEN '2019-01' ELSE as_of END AS as_of) FROM ${rows}`,
    kind: 'wrongMonth',
  },
  'a newest month that is not': {
    change: (rows, keys) =>
      `SELECT * REPLACE (CASE WHEN acct IN (${list(keys)}) THEN '2031-01' ELSE pw_newest_month END AS pw_newest_month) FROM ${rows}`,
    kind: 'wrongMonth',
  },
  'stale arrays': {
    change: (rows, keys) =>
      `SELECT * REPLACE (CASE WHEN acct IN (${list(keys)}) THEN list_prepend(7, balance_history[1:5]) ELSE balance_history END AS balance_history) FROM ${rows}`,
    kind: 'wrongRow',
  },
  'scalars of others': {
    change: (rows, keys) =>
      `SELECT * REPLACE (CASE WHEN acct IN (${list(keys)}) THEN NULL ELSE status END AS status, DATE '2001-01-01' AS opened) FROM ${rows} WHERE acct IN (${list(keys)}) UNION ALL SELECT * FROM ${rows} WHERE acct NOT IN (${list(keys)})`,
    kind: 'wrongRow',
  },
};

const list = (keys: readonly string[]) => keys.map((key) => `'${key.replaceAll("'", "''")}'`).join(', ');

describe('latest is made anew from summary', () => {
  let keys: readonly string[];
  beforeAll(() => {
    keys = expectedTables(scenario)
      .latest.slice(3, 6)
      .map(({ key }) => key);
  });

  it('whatever another writer left of it', async () => {
    await using product = await madeTables();
    const { world, config } = product;
    for (const [name, { change, kind }] of Object.entries(damages)) {
      await writeForeign(world, 'latest', (rows) => change(rows, keys));
      const look = await lookAtLatest(world, config, 'all');
      const found = look.deviating.flatMap(({ examples }) => examples);
      expect(new Set(found.map((one) => one.kind)), name).toEqual(new Set([kind]));
      expect(found, name).toHaveLength(keys.length);

      const outcome = await repair(product);
      expectSucceeded(outcome);
      await expectTables(product, expectedTables(scenario));
      expect((await snapshotOf(product, 'latest'))?.summary, name).toMatchObject({
        'partwise.run-id': outcome.run?.runId,
        'partwise.summary-snapshot-id': String((await snapshotOf(product, 'summary'))?.snapshotId),
      });
      expect((await verifyTables(world, config, { full: true })).passed, name).toBe(true);
      expect((await lookAtLatest(world, config, 'all')).deviating, name).toEqual([]);
    }
  });

  it('from nothing, when the table is not there', async () => {
    await using product = await madeTables();
    const { world } = product;
    await world.catalog.drop(tableIdentifier('latest'));
    expectSucceeded(await repair(product));
    await expectTables(product, expectedTables(scenario));
  });

  it('after another writer has changed summary, whose newest rows count', async () => {
    await using product = await madeTables();
    const { world } = product;
    const newest = expectedTables(scenario).latest.find(({ key }) => key === keys[0]);
    if (newest === undefined) throw new Error('no such key');
    await writeForeign(
      world,
      'summary',
      (rows) =>
        `SELECT * FROM ${rows} WHERE NOT (acct = '${newest.key}' AND as_of = '${monthText(newest.month)}')`,
    );
    expectSucceeded(await repair(product));
    const { latest, summary } = await readTables(world);
    const left = summary.filter((row) => row['acct'] === newest.key);
    expect(latest.filter((row) => row['acct'] === newest.key)).toHaveLength(left.length > 0 ? 1 : 0);
    expect(latest.some((row) => row['acct'] === newest.key && row['as_of'] === monthText(newest.month))).toBe(
      false,
    );
  });
});

const monthText = (month: number) =>
  `${Math.floor((month - 1) / 12)}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`;

describe('a repair of latest', () => {
  it('commits nothing when nothing deviates, and leaves the files of the next run waiting', async () => {
    await using product = await madeTables();
    const before = await snapshotOf(product, 'latest');
    await product.drop(scenario.runs[0] ?? []);
    const outcome = await repair(product, 'all');
    expectSucceeded(outcome);
    expect(await snapshotOf(product, 'latest')).toEqual(before);
    expect(outcome.run?.facts['latestRepair']).toMatchObject({
      buckets: 3,
      bucketsWritten: 0,
      rowsWritten: 0,
    });
  });

  it('writes only the buckets that deviate, and looks only at those that others changed', async () => {
    await using product = await madeTables();
    expectSucceeded(await repair(product, 'all'));
    const { world } = product;
    const [key = ''] = expectedTables(scenario).latest.map((row) => row.key);
    await writeForeign(world, 'latest', (rows) => `SELECT * FROM ${rows} WHERE acct <> '${key}'`);
    const { run } = await repair(product);
    expect(run?.facts['latestRepair']).toMatchObject({ bucketsWritten: 1, kinds: { missing: 1 } });
    const { run: again } = await repair(product);
    expect(again?.facts['latestRepair']).toBeUndefined();
    await expectTables(product, expectedTables(scenario));
  });

  it('of engine spark stops by name where there is no Spark, and says to resume', async () => {
    await using product = await madeTables();
    const { world, config } = product;
    const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'all' };
    const { run } = await runTask({
      world,
      config: { ...config, work: { ...config.work, engine: 'spark' } },
      task,
    });
    expect(run?.error).toMatchObject({
      name: 'SparkMissingError',
      next: `partwise resume ${run?.runId}`,
    });
  });

  it('lets the next run go on as if nothing had happened', async () => {
    await using product = await openProduct({ shape: scenario.shape, document });
    await bulkLoad(product, scenario.initial);
    for (const [index, files] of scenario.runs.entries()) {
      await product.drop(files);
      expectSucceeded(await product.run());
      await writeForeign(product.world, 'latest', (rows) => `SELECT * FROM ${rows} WHERE false`);
      expectSucceeded(await repair(product));
      await expectTables(product, expectedTables(scenario, index + 1));
    }
  });

  it('is not published when its audit finds other rows than summary has', async () => {
    let tampered = 0;
    await using product = await openProduct({
      shape: scenario.shape,
      document,
      step: async (name) => {
        if (name === 'after-checkpoint:repair')
          tampered += await tamperWritten(product.world, 'latest', "'tampered' AS status");
      },
    });
    await bulkLoad(product, scenario.initial);
    await writeForeign(product.world, 'latest', (rows) => `SELECT * FROM ${rows} WHERE false`);
    const before = await readTables(product.world);
    const { run } = await repair(product);
    expect(tampered).toBeGreaterThan(0);
    expect(run?.error?.name).toBe('IntegrityError');
    expect(run?.error?.message).toContain('differs between summary and latest');
    expect(await readTables(product.world)).toEqual(before);
  });

  it('refuses a bucket in which summary holds a month twice', async () => {
    await using product = await madeTables();
    const { world } = product;
    const [key = ''] = expectedTables(scenario).latest.map((row) => row.key);
    await writeForeign(
      world,
      'summary',
      (rows) => `SELECT * FROM ${rows} UNION ALL SELECT * FROM ${rows} WHERE acct = '${key}'`,
    );
    const outcome = await repair(product);
    expect(outcome.run?.error?.name).toBe('DuplicateStoredKeyError');
    expect((await lookAtLatest(world, product.config, 'all')).deviating).toMatchObject([
      { storedTwice: 1, storedTwiceKey: key },
    ]);
  });
});
