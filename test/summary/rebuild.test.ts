import { describe, expect, it } from 'vitest';
import { currentSnapshot, loadTable } from '../../lib/iceberg/index.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { lookAtArrays } from '../../lib/summary/rebuild/look.ts';
import type { RebuildScope, RebuildTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { oracleRules, smallShape } from '../generators/shape.ts';
import { type InitialRow, rebuild as rebuiltBy } from '../oracle/summary-oracle.ts';
import { monthText } from '../oracle/worked-examples.ts';
import { bulkLoad } from './bulk-load.ts';
import { writeForeign } from './foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct, type Product } from './product.ts';
import { staleArrays } from './stale-arrays.ts';
import { readTables, tableIdentifier } from './tables.ts';
import { tamperWritten } from './tamper.ts';

const full = bulkScenario({ shape: smallShape, seed: 15, keys: 40, months: 9, changed: 0.3 });
/** One run: late months, corrections and deletes at once. */
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const document = { tables: { buckets: 3 }, maintenance: { auto: false } };
const lastMonth = 2025 * 12 + 12;
const everyMonth = { months: { first: lastMonth - 60, last: lastMonth + 60 } };

async function loaded(initial: readonly InitialRow[] = scenario.initial): Promise<Product> {
  const product = await openProduct({ shape: scenario.shape, document });
  await bulkLoad(product, initial);
  return product;
}

async function ran(): Promise<Product> {
  const product = await loaded();
  await product.drop(scenario.runs.flat());
  expectSucceeded(await product.run());
  return product;
}

function rebuild({ world, config }: Product, scope: RebuildScope) {
  const task: RebuildTask = { kind: 'rebuild', ...scope };
  return runTask({ world, config, task });
}

const look = ({ world, config }: Product, scope: RebuildScope) =>
  lookAtArrays({ world, config, scope, sampleRows: 3 });

const verified = async ({ world, config }: Product) =>
  (await verifyTables(world, config, { full: true })).checks.filter(({ passed }) => !passed);

async function snapshotOf({ world }: Product, role: 'summary' | 'latest') {
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(role),
  });
  return currentSnapshot(table);
}

/** What the oracle makes of the rows alone. */
const expectedOf = (initial: readonly InitialRow[]) => rebuiltBy(oracleRules(scenario.shape), initial, []);

describe('arrays are made anew from the months’ own rows', () => {
  it('of every row that another writer left with stale arrays, and latest with them, in one commit set', async () => {
    await using product = await ran();
    await writeForeign(product.world, 'summary', (rows, table) =>
      staleArrays(scenario.shape, rows, table, 'hash(r.acct) % 3 > 0'),
    );
    expect(await verified(product)).not.toEqual([]);
    const before = await look(product, everyMonth);
    expect(Object.keys(before.arrays).toSorted()).toEqual(['balance_history', 'rating_history']);
    expect(new Set(before.sample.map(({ key, month }) => `${key} ${month}`)).size).toBe(3);
    for (const change of before.sample) expect(change.old).not.toEqual(change.new);

    const { world, config } = product;
    const inSlices = { world, config, scope: everyMonth, sampleRows: 3, sliceEntries: 300 };
    expect(await lookAtArrays(inSlices)).toEqual(before);

    const outcome = await rebuild(product, everyMonth);
    expectSucceeded(outcome);
    expect(outcome.run?.facts['rebuild']).toMatchObject({ rows: before.rows, rebuilt: before.wrong });
    await expectTables(product, expectedTables(scenario));
    expect(await verified(product)).toEqual([]);
    expect((await snapshotOf(product, 'latest'))?.summary['partwise.summary-snapshot-id']).toBe(
      String((await snapshotOf(product, 'summary'))?.snapshotId),
    );
    expect((await look(product, everyMonth)).wrong).toBe(0);
  });

  it('of named keys only', async () => {
    await using product = await ran();
    const expected = expectedTables(scenario);
    const keys = [...new Set(expected.summary.map(({ key }) => key))];
    const [stale, mended] = [keys.slice(0, 8), keys.slice(0, 5)];
    const some = `r.acct IN (${stale.map((key) => `'${key}'`).join(', ')})`;
    await writeForeign(product.world, 'summary', (rows, table) =>
      staleArrays(scenario.shape, rows, table, some),
    );
    expectSucceeded(await rebuild(product, { keys: mended }));
    const left = await look(product, everyMonth);
    expect(left.wrong).toBeGreaterThan(0);
    for (const { key } of left.sample) expect(stale.slice(5)).toContain(key);
    expectSucceeded(await rebuild(product, { keys: stale }));
    await expectTables(product, expected);
  });

  it('wherever the values of changed months stand', async () => {
    await using product = await loaded();
    const months = [lastMonth - 4, lastMonth - 3];
    const texts = months.map((month) => `'${monthText(month)}'`).join(', ');
    await writeForeign(
      product.world,
      'summary',
      (rows) =>
        `SELECT * REPLACE (CASE WHEN as_of IN (${texts}) THEN 4711 ELSE balance END AS balance) FROM ${rows}`,
    );
    expectSucceeded(await rebuild(product, { months: { first: lastMonth - 4, last: lastMonth - 3 } }));
    const changed = scenario.initial.map((row) =>
      months.includes(row.normal.month)
        ? { ...row, normal: { ...row.normal, values: { ...row.normal.values, balance: '4711' } } }
        : row,
    );
    await expectTables(product, expectedOf(changed));
    expect(await verified(product)).toEqual([]);
  });

  it('with lengths of an older system, and grids that are not their arrays', async () => {
    await using product = await loaded();
    await writeForeign(
      product.world,
      'summary',
      (rows) =>
        `SELECT * REPLACE (balance_history[1:2] AS balance_history, CASE WHEN hash(acct) % 2 = 0 THEN 'x' ELSE rating_grid END AS rating_grid) FROM ${rows}`,
    );
    expect((await verified(product)).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['array length', 'grids', 'array chain']),
    );
    expectSucceeded(await rebuild(product, everyMonth));
    // What only the cut entries knew of months without a row is lost.
    const known = scenario.initial.map((row) => ({
      ...row,
      arrays: {
        ...row.arrays,
        balance: (row.arrays['balance'] ?? []).map((entry, index) => (index < 2 ? entry : null)),
      },
    }));
    await expectTables(product, expectedOf(known));
    expect(await verified(product)).toEqual([]);
  });

  it('without the rows that another writer removed, whose values the later rows keep', async () => {
    await using product = await loaded();
    const gone = scenario.initial.find(({ normal }) => normal.month === lastMonth);
    if (gone === undefined) throw new Error('no row of the last month');
    const { key, month } = gone.normal;
    await writeForeign(
      product.world,
      'summary',
      (rows) => `SELECT * FROM ${rows} WHERE NOT (acct = '${key}' AND as_of = '${monthText(month)}')`,
    );
    expectSucceeded(await rebuild(product, { keys: [key] }));
    await expectTables(product, expectedOf(scenario.initial.filter((row) => row !== gone)));
  });
});

describe('a rebuild', () => {
  it('commits nothing when every array is right', async () => {
    await using product = await ran();
    const before = [await snapshotOf(product, 'summary'), await snapshotOf(product, 'latest')];
    const outcome = await rebuild(product, everyMonth);
    expectSucceeded(outcome);
    expect(outcome.run?.facts['rebuild']).toMatchObject({ rebuilt: 0, latestWritten: 0 });
    expect([await snapshotOf(product, 'summary'), await snapshotOf(product, 'latest')]).toEqual(before);
  });

  for (const [what, replace] of Object.entries({
    'an array':
      'CASE WHEN balance_history IS NULL THEN NULL ELSE list_prepend(balance_history[1], list_reverse(balance_history)[1:5]) END AS balance_history',
    'a scalar': "'tampered' AS status",
    'the order tuple': 'pw_rec_hash + 1 AS pw_rec_hash',
  }))
    it(`is not published when its audit finds that ${what} of a row is another`, async () => {
      let tampered = 0;
      await using product = await openProduct({
        shape: scenario.shape,
        document,
        step: async (name) => {
          if (name === 'after-checkpoint:rebuild' && tampered === 0)
            tampered += await tamperWritten(product.world, 'summary', replace);
        },
      });
      const { world } = product;
      await bulkLoad(product, scenario.initial);
      await writeForeign(world, 'summary', (rows, table) => staleArrays(scenario.shape, rows, table, 'true'));
      const before = await readTables(world);
      const { run } = await rebuild(product, everyMonth);
      expect(tampered).toBeGreaterThan(0);
      expect(run?.error?.name).toBe('IntegrityError');
      expect(run?.error?.message).toMatch(/array chain|carried rows|array\[0\]/);
      expect(await readTables(world)).toEqual(before);
    });

  it('says which keys have no row, and refuses to rebuild nothing', async () => {
    await using product = await loaded();
    const { world, config } = product;
    const { key } = scenario.initial[0]?.normal ?? { key: '' };
    const missing = { keys: 1, some: ['nobody'] };
    const outcome = await rebuild(product, { keys: [key, 'nobody'] });
    expectSucceeded(outcome);
    expect(outcome.run?.facts['rebuild']).toMatchObject({ missingKeys: missing });
    expect((await look(product, { keys: [key, 'nobody'] })).missingKeys).toEqual(missing);
    const far = { first: lastMonth + 100, last: lastMonth + 101 };
    for (const [scope, message] of [
      [{ keys: ['nobody', 'none'] }, 'summary has no row of the keys nobody, none'],
      [{ months: far }, `summary has no row whose arrays hold ${monthText(far.first)}`],
      [
        { keys: [key], months: far },
        `summary has no row of key ${key} whose arrays hold ${monthText(far.first)}`,
      ],
    ] as const) {
      const refused = { name: 'UsageError', message: expect.stringContaining(message) };
      await expect(look(product, scope)).rejects.toMatchObject(refused);
      await expect(rebuild(product, scope)).rejects.toMatchObject(refused);
    }
    const runs = await world.state.runs.list(config.pipeline, 10);
    expect(runs.filter(({ status }) => status === 'cancelled')).toHaveLength(3);
  });

  it('refuses keys of which a month is stored twice', async () => {
    await using product = await loaded();
    const { key } = scenario.initial[0]?.normal ?? { key: '' };
    await writeForeign(
      product.world,
      'summary',
      (rows) => `SELECT * FROM ${rows} UNION ALL SELECT * FROM ${rows} WHERE acct = '${key}'`,
    );
    const { run } = await rebuild(product, { keys: [key] });
    expect(run?.error?.name).toBe('DuplicateStoredKeyError');
    expect(run?.error?.message).toContain(key);
  });
});
