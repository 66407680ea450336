import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from '../../lib/engine/sql.ts';
import { addColumns, commitStaged, currentSnapshot, setRef } from '../../lib/iceberg/index.ts';
import { canonical, openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.create({ name: 't', lists: true });
});
afterAll(() => world?.[Symbol.asyncDispose]());

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const clock = { now: () => Date.now() };

async function expectSameEverywhere(branch?: string): Promise<void> {
  const { engines } = world;
  const ours = canonical(await world.rows(branch));
  const table = await world.load();
  const snapshot = currentSnapshot(table, branch);
  const version = branch === undefined ? '' : ` VERSION AS OF ${text(branch)}`;
  expect(
    canonical(await engines.spark(`SELECT * FROM local.${world.tableName()}${version}`)),
    'Spark',
  ).toEqual(ours);
  expect(
    canonical(await engines.pyiceberg(world.tableName(), branch === undefined ? {} : { ref: branch })),
    'pyiceberg',
  ).toEqual(ours);
  // A snapshot that is asked for by id is shown with the schema of its time, so only branches are.
  const pin = branch === undefined ? '' : `, snapshot_from_id = ${snapshot?.snapshotId}::UBIGINT`;
  const scan = `iceberg_scan(${text(table.metadataLocation)}${pin})`;
  expect(canonical(await engines.duckdb(`SELECT * FROM ${scan}`)), 'DuckDB').toEqual(ours);
}

describe('a table that we write', () => {
  it('shows identical rows in Spark, pyiceberg and DuckDB', async () => {
    const table = await world.load();
    await world.commit({ added: await world.write(table, range(0, 40)) }, { operation: 'append' });
    expect(await world.rows()).toHaveLength(40);
    await expectSameEverywhere();
    expect(await world.engines.pyicebergTables('ns')).toEqual([world.tableName()]);
  });

  it.each([
    ["`key` = 'k7'", "key = 'k7'", 1],
    ["month = '2026-02' AND i < 20", "month = '2026-02' and i < 20", 6],
    ['month IS NULL', 'month is null', 6],
    ['l >= 30000000000210', 'l >= 30000000000210', 10],
    ['small BETWEEN -1.25 AND 0.75', 'small >= -1.25 and small <= 0.75', 3],
    ['big < -460000000000000000000', 'big < -460000000000000000000.00000', 2],
    ["`day` < DATE '1970-01-01'", "day < '1970-01-01'", 7],
    ["at < TIMESTAMP '1970-01-01 00:00:00'", "at < '1970-01-01T00:00:00'", 1],
    ['d > 9.4', 'd > 9.4', 2],
  ])('is pruned rightly by others for %s', async (spark, pyiceberg, count) => {
    expect(await world.engines.spark(`SELECT * FROM local.${world.tableName()} WHERE ${spark}`)).toHaveLength(
      count,
    );
    expect(await world.engines.pyiceberg(world.tableName(), { filter: pyiceberg })).toHaveLength(count);
  });

  it('hides rows by position deletes', async () => {
    const files = await world.files();
    const target = files.find((scan) => scan.file.rows > 2)?.file;
    if (target === undefined) throw new Error('no file with three rows');
    await world.commit({ addedDeletes: [await world.deletes(await world.load(), target, [0, 2])] });
    expect(await world.rows()).toHaveLength(38);
    await expectSameEverywhere();
  });

  it('replaces a file and its delete file in one commit', async () => {
    const scan = (await world.files()).find((candidate) => candidate.deletes.length > 0);
    if (scan === undefined) throw new Error('no file with deletes');
    const added = await world.write(await world.load(), range(40, 44));
    await world.commit({
      added,
      removed: [scan.file],
      removedDeletes: scan.deletes.map((item) => item.file),
    });
    await expectSameEverywhere();
    expect((await world.files()).every((candidate) => candidate.deletes.length === 0)).toBe(true);
  });

  it('shows a branch apart from main until it is fast-forwarded', async () => {
    const before = (await world.rows()).length;
    await world.commit(
      { added: await world.write(await world.load(), range(44, 50)) },
      { operation: 'append', branch: 'audit' },
    );
    expect(await world.rows()).toHaveLength(before);
    expect(await world.rows('audit')).toHaveLength(before + 6);
    await expectSameEverywhere();
    await expectSameEverywhere('audit');
    const table = await world.load();
    const head = currentSnapshot(table, 'audit')?.snapshotId ?? 0n;
    const staged = await setRef({
      store: world.store,
      table,
      clock,
      name: 'main',
      ref: { type: 'branch', snapshotId: head },
      fastForward: true,
    });
    await commitStaged({ catalog: world.catalog, staged: [staged] });
    expect(await world.rows()).toHaveLength(before + 6);
    await expectSameEverywhere();
  });

  it('shows an added column as NULL in old files', async () => {
    const list = { type: 'list', elementId: 0, element: 'decimal(9,2)', elementRequired: false } as const;
    const columns = [
      { name: 'extra', type: 'decimal(12,4)' },
      { name: 'extras', type: list },
    ] as const;
    const staged = await addColumns({ store: world.store, table: await world.load(), clock, columns });
    await commitStaged({ catalog: world.catalog, staged: [staged] });
    await expectSameEverywhere();
    const added = await world.write(
      await world.load(),
      range(50, 56),
      '*, 1.5::DECIMAL(12,4) AS extra, [2.25, NULL]::DECIMAL(9,2)[] AS extras',
    );
    await world.commit({ added }, { operation: 'append' });
    await expectSameEverywhere();
    expect((await world.rows()).filter((row) => row['extra'] === '1.5000')).toHaveLength(6);
  });

  it("opens in Spark's metadata tables with the right counts", async () => {
    const files = await world.engines.spark(
      `SELECT sum(record_count) AS rows, count(*) AS files FROM local.${world.tableName()}.files`,
    );
    const ours = await world.files();
    expect(files).toEqual([{ rows: ours.reduce((sum, { file }) => sum + file.rows, 0), files: ours.length }]);
    const [manifests] = await world.engines.spark(
      `SELECT sum(added_data_files_count + existing_data_files_count) AS live FROM local.${world.tableName()}.manifests WHERE content = 0`,
    );
    expect(manifests).toEqual({ live: ours.length });
    const [summary] = await world.engines.spark(
      `SELECT summary['total-data-files'] AS files, summary['total-delete-files'] AS deletes FROM local.${world.tableName()}.snapshots ORDER BY committed_at DESC LIMIT 1`,
    );
    expect(summary).toEqual({ files: String(ours.length), deletes: '0' });
  });
});
