import { copyFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { PinnedSnapshotExpiredError } from '../../lib/errors.ts';
import {
  commitStaged,
  currentSchema,
  currentSnapshot,
  currentSpec,
  dataFileFromWritten,
  expireSnapshots,
  liveFiles,
  loadTable,
  type ScanFile,
  setRef,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import type { RunOutcome } from '../../lib/run/local/local.ts';
import { type Role, tableIdentifier } from '../../lib/summary/tables/tables.ts';
import { verifyRun, verifyTables } from '../../lib/summary/verify/verify.ts';
import { liveRows, scanned } from '../../lib/upkeep/live-rows.ts';
import { failures, months, openSite, type Site } from './site.ts';

let site: Site;
let last: RunOutcome;
beforeAll(async () => {
  site = await openSite();
  await site.run(months(12, ['2025-09', '2025-10', '2025-11', '2025-12', '2026-01'], 100));
  last = await site.run([
    ...[1, 2, 3].map((account) => `${account},2025-11,200,${account},B,`),
    ...[4, 5].map((account) => `${account},2026-02,200,${account},A,`),
    '6,2026-01,200,,,1',
    '7,2026-04,200,,,1',
    '20,2025-12,200,5,C,',
    '20,2026-02,200,6,C,',
    '8,2025-08,200,1,A,',
    '9,2025-12,50,1,A,',
  ]);
  for (const role of ['summary', 'latest'] as const) {
    published.set(role, currentSnapshot((await filesOf(role)).table)?.snapshotId ?? 0n);
  }
});
afterAll(() => site[Symbol.asyncDispose]());

/** Every test leaves the tables as the runs made them. */
const published = new Map<Role, bigint>();
afterEach(async () => {
  const { world } = site;
  for (const [role, snapshotId] of published) {
    const { table } = await filesOf(role);
    if (currentSnapshot(table)?.snapshotId === snapshotId) continue;
    const ref = { type: 'branch' as const, snapshotId };
    const staged = await setRef({ store: world.warehouse, table, clock: world.clock, name: 'main', ref });
    await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
  }
});

async function filesOf(
  role: Role,
): Promise<{ readonly table: Awaited<ReturnType<typeof loadTable>>; readonly files: readonly ScanFile[] }> {
  const { world, config } = site;
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(config, role),
  });
  const files: ScanFile[] = [];
  for await (const file of liveFiles({
    store: world.warehouse,
    table,
    snapshotId: currentSnapshot(table)?.snapshotId,
  }))
    files.push(file);
  return { table, files };
}

/** Commits a copy of one file with changed rows, as a foreign writer would. `sql` reads from `rows`. */
async function spoil(
  role: Role,
  sql: string,
  choose: (file: ScanFile) => boolean = () => true,
): Promise<void> {
  const { world } = site;
  const { table, files } = await filesOf(role);
  const file = files.find(choose);
  if (file === undefined) throw new Error('no file to spoil');
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/spoil`,
  });
  const schema = currentSchema(table);
  await session.execute(
    `CREATE TABLE rows AS SELECT * FROM ${await liveRows({ store: world.warehouse, schema, files: [scanned(file)] })}`,
  );
  await session.execute(sql);
  const [written] = await session.writeParquet({
    select: 'SELECT * FROM rows',
    path: `${session.workFolder}/spoilt.parquet`,
    fieldIds: fieldIds(schema),
  });
  if (written === undefined) throw new Error('nothing written');
  const location = `${table.metadata.location}/data/spoilt-${written.sizeBytes}-${Date.now()}.parquet`;
  await world.warehouse.adopt(written.path, location);
  const added = dataFileFromWritten({
    written,
    schema,
    spec: currentSpec(table),
    partition: file.file.partition,
    location,
  });
  const staged = await stageCommit({
    store: world.warehouse,
    table,
    clock: world.clock,
    operation: 'overwrite',
    changes: { added: [added], removed: [file.file], removedDeletes: file.deletes.map((one) => one.file) },
  });
  await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
}

const full = async () => failures(await verifyTables(site.world, site.config, { full: true }));
const inMonth = (month: string) => (file: ScanFile) => file.file.partition[0] === month;
const anyRow = 'account = (SELECT min(account) FROM rows)';

test('tables that runs made pass every check, whole and by run', async () => {
  const tables = await verifyTables(site.world, site.config, { full: true });
  expect(failures(tables)).toEqual([]);
  expect(tables.checks.find((check) => check.name === 'array chain')?.checked).toBeGreaterThan(40);
  const run = await verifyRun(site.context(last), last.plan as never, { sampleSize: 10_000 });
  expect(failures(run)).toEqual([]);
  expect(run.facts['sampledKeys']).toBe(10);
});

test('a sample of fewer keys still passes and says how many it drew', async () => {
  const run = await verifyRun(site.context(last), last.plan as never, { sampleSize: 4 });
  expect(failures(run)).toEqual([]);
  expect(Number(run.facts['sampledKeys'])).toBeLessThan(10);
});

test('one changed array entry is found by its neighbour', async () => {
  await spoil(
    'summary',
    `UPDATE rows SET balance_history = [balance_history[1], -5, balance_history[3], NULL, NULL, NULL] WHERE ${anyRow}`,
    inMonth('2026-01'),
  );
  expect((await full()).join()).toMatch(
    /array chain: account \d+, month 2026-01 against 2025-12: balance_history\[1\]: expected \d+, got -5/,
  );
});

test('a changed scalar, a wrong length and a wrong grid are found', async () => {
  await spoil('summary', `UPDATE rows SET balance = -1 WHERE ${anyRow}`, inMonth('2025-10'));
  expect((await full()).join()).toMatch(/array\[0\]: account \d+, month 2025-10/);
  await spoil('summary', `UPDATE rows SET rating_history = ['A'] WHERE ${anyRow}`, inMonth('2025-09'));
  expect((await full()).join()).toMatch(/array length: account \d+, month 2025-09/);
  await spoil('summary', `UPDATE rows SET rating_grid = 'x' WHERE ${anyRow}`, inMonth('2025-12'));
  expect((await full()).join()).toMatch(/grids: account \d+, month 2025-12/);
});

test('a row that is there twice, in the wrong month or in the wrong bucket is found', async () => {
  await spoil('summary', `INSERT INTO rows FROM rows WHERE ${anyRow}`, inMonth('2025-10'));
  expect((await full()).join()).toMatch(
    /inserted keys: account \d+, month 2025-10, bucket \d: the row is stored twice/,
  );
  await spoil('summary', `UPDATE rows SET month = '2024-01' WHERE ${anyRow}`, inMonth('2025-09'));
  expect((await full()).join()).toMatch(/months of cells: .* of month 2025-09 holds 2024-01/);
  await spoil(
    'summary',
    'INSERT INTO rows SELECT r.* REPLACE (g.i AS account) FROM (FROM rows LIMIT 1) AS r, range(1000, 1008) AS g(i)',
    inMonth('2026-01'),
  );
  expect((await full()).join()).toMatch(/does not belong to bucket/);
});

test('latest that lost a key, moved, or differs from its summary row is found', async () => {
  await spoil('latest', `UPDATE rows SET rating = 'Z' WHERE ${anyRow}`);
  expect((await full()).join()).toMatch(/latest rows: account \d+, .* differs between summary and latest/);
  await spoil('latest', `UPDATE rows SET month = '2025-10' WHERE ${anyRow}`);
  expect((await full()).join()).toMatch(
    /latest is newest: account \d+: latest holds month 2025-10, expected/,
  );
  await spoil('latest', `DELETE FROM rows WHERE ${anyRow}`);
  expect((await full()).join()).toMatch(/latest rows: .* is missing in latest/);
});

test('a file of another length or row count than its manifest says is found', async () => {
  const { files } = await filesOf('summary');
  const [first, second] = files.filter(inMonth('2025-10'));
  const path = await site.world.warehouse.localPath(first?.file.location ?? '');
  const other = await site.world.warehouse.localPath(
    (second ?? files.find(inMonth('2026-02')))?.file.location ?? '',
  );
  await copyFile(path, `${path}.kept`);
  await copyFile(other, path);
  expect((await full()).join()).toMatch(/file counts: summary .* recorded/);
  await copyFile(`${path}.kept`, path);
});

test('verifying a run finds what was changed in its snapshot afterwards, and says when its past is gone', async () => {
  const { world } = site;
  const { files } = await filesOf('summary');
  const written = files.find(inMonth('2026-02'));
  const path = await world.warehouse.localPath(written?.file.location ?? '');
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/spoil`,
  });
  const { table } = await filesOf('summary');
  await session.writeParquet({
    select: `SELECT * REPLACE (list_concat([balance_history[1]], [1, 2, 3, 4, 5]) AS balance_history) FROM read_parquet('${path}')`,
    path: `${session.workFolder}/changed.parquet`,
    fieldIds: fieldIds(currentSchema(table)),
  });
  await copyFile(`${session.workFolder}/changed.parquet`, path);
  const found = failures(await verifyRun(site.context(last), last.plan as never, { sampleSize: 100 }));
  expect(found.join()).toMatch(/sample: account \d+, month 2026-02: balance_history\[1\]/);
  const { staged } = await expireSnapshots({
    store: world.warehouse,
    table,
    clock: world.clock,
    keep: 1,
    olderThanMs: 0,
  });
  if (staged !== undefined)
    await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
  await expect(verifyRun(site.context(last), last.plan as never, { sampleSize: 100 })).rejects.toThrow(
    PinnedSnapshotExpiredError,
  );
});
