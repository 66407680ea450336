import { afterEach, expect, test } from 'vitest';
import { currentSnapshot, liveFiles, loadTable, type ScanFile } from '../../lib/iceberg/index.ts';
import { cancelRun, resumeRun } from '../../lib/run/local/local.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import { maintainTables } from '../../lib/summary/maintain.ts';
import { type Role, tableIdentifier } from '../../lib/summary/tables/tables.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { cellToCompact } from '../../lib/upkeep/cells.ts';
import { failures, months, openSite, type Site } from './site.ts';

let site: Site;
const open: Site[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function tableOf(role: Role) {
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

const full = async () => failures(await verifyTables(site.world, site.config, { full: true }));
const hour = 3_600_000;

/** Four runs, each of which corrects one month of a few accounts. */
async function busySite(options: { readonly extra?: string; readonly maintenance?: string }): Promise<void> {
  site = await openSite({ buckets: 1, ...options });
  open.push(site);
  await site.run(months(30, ['2025-11', '2025-12'], 100));
  for (const version of [200, 300, 400]) {
    await site.run(
      [1, 2].map((step) => `${version / 100 + step * 5},2025-11,${version},${version + step},B,`),
    );
    site.now += hour;
  }
}

test('compaction leaves one file per cell with the same rows and no deletes', async () => {
  await busySite({ extra: 'work: {maxSmallFiles: 1, rewrite: merge-on-read}' });
  expect((await tableOf('summary')).files.some((file) => file.deletes.length > 0)).toBe(true);
  const rows = (files: readonly ScanFile[]) => files.reduce((sum, file) => sum + file.file.rows, 0);
  const lines = await maintainTables(site.world, site.config, { parts: ['compact'] });
  expect(lines.join('\n')).toMatch(
    /partwise\.accounts_summary: compacted 2 cells \(\d+ small files.*\), \d+ files into 2/,
  );
  const { table, files } = await tableOf('summary');
  expect(files.map((file) => file.deletes.length)).toEqual([0, 0]);
  expect(rows(files)).toBe(60);
  expect(currentSnapshot(table)?.summary['operation']).toBe('replace');
  expect(await full()).toEqual([]);
  expect(await maintainTables(site.world, site.config, { parts: ['compact'] })).toEqual([]);
  await site.run(['1,2025-12,900,7,C,']);
  expect(await full()).toEqual([]);
});

test('a cell larger than the target is split by ranges of the key', async () => {
  await busySite({ extra: 'work: {maxSmallFiles: 1, rewrite: merge-on-read}' });
  const config = { ...site.config, tables: { ...site.config.tables, targetFileSize: '3 KB' } };
  await maintainTables(
    site.world,
    { ...config, work: { ...config.work, maxDeadFraction: 0 } },
    { parts: ['compact'] },
  );
  const { files } = await tableOf('summary');
  expect(files.length).toBeGreaterThan(2);
  expect(files.reduce((sum, file) => sum + file.file.rows, 0)).toBe(60);
  expect(await full()).toEqual([]);
});

test('old snapshots expire with the files that only they reached', async () => {
  await busySite({ maintenance: ', keepSnapshots: 1, expireAfter: 1h' });
  const before = (await tableOf('summary')).table.metadata.snapshots.length;
  site.now += 10 * hour;
  const lines = await maintainTables(site.world, site.config, { parts: ['expire'] });
  expect(lines.join('\n')).toMatch(/partwise\.accounts_summary: expired 3 snapshots, deleted \d+ files?/);
  expect(before).toBe(4);
  expect((await tableOf('summary')).table.metadata.snapshots.length).toBe(1);
  expect(await full()).toEqual([]);
});

test('a snapshot that a failed run is pinned to stays, with all that came after it', async () => {
  await busySite({ maintenance: ', keepSnapshots: 1, expireAfter: 1h' });
  const runs = await site.world.state.runs.list('accounts');
  const second = runs.at(-2);
  await site.world.state.runs.update(second?.runId ?? '', { status: 'failed' });
  site.now += 10 * hour;
  const lines = await maintainTables(site.world, site.config, { parts: ['expire'] });
  expect(lines).toEqual([]);
  expect((await tableOf('summary')).table.metadata.snapshots.length).toBe(4);
  await site.world.state.runs.update(second?.runId ?? '', { status: 'cancelled' });
  expect((await maintainTables(site.world, site.config, { parts: ['expire'] })).length).toBeGreaterThan(0);
});

test('orphan files past their grace are listed, and deleted only when told', async () => {
  await busySite({ maintenance: ', graceForOrphans: 50h' });
  const { world, config } = site;
  const { table, files } = await tableOf('summary');
  const orphan = joinLocation(table.metadata.location, 'data', 'left-behind.parquet');
  await world.warehouse.write(orphan, new Uint8Array([1, 2, 3]));
  const listed = await maintainTables(world, config, { parts: ['orphans'] });
  expect(listed).toEqual([]);
  site.now = Date.now() + 100 * hour;
  expect((await maintainTables(world, config, { parts: ['orphans'] })).join('\n')).toContain(
    'left-behind.parquet',
  );
  expect(await world.warehouse.head(orphan)).toBeDefined();
  expect((await maintainTables(world, config, { parts: ['orphans'], apply: true })).join('\n')).toMatch(
    /deleted \d+ orphan file/,
  );
  expect(await world.warehouse.head(orphan)).toBeUndefined();
  for (const file of files) expect(await world.warehouse.head(file.file.location)).toBeDefined();
  expect(await full()).toEqual([]);
});

test('the files of a run that failed before its publish are no orphans until it is cancelled', async () => {
  await busySite({ maintenance: ', graceForOrphans: 1h' });
  site.failAt = 'before-stage';
  const failed = await site.run(['50,2026-01,900,7,C,']);
  site.failAt = undefined;
  const runId = failed.run?.runId ?? '';
  expect(failed.run?.status).toBe('failed');
  site.now += 100 * hour;
  expect(await maintainTables(site.world, site.config, { parts: ['orphans'], apply: true })).toEqual([]);
  const resumed = await resumeRun({ world: site.world, config: site.config, runId });
  expect(resumed.run?.status).toBe('succeeded');
  expect(await full()).toEqual([]);

  site.failAt = 'before-stage';
  const second = await site.run(['51,2026-01,900,7,C,']);
  site.failAt = undefined;
  await cancelRun({ world: site.world, runId: second.run?.runId ?? '' });
  site.now += 100 * hour;
  const lines = await maintainTables(site.world, site.config, { parts: ['orphans'], apply: true });
  expect(lines.join('\n')).toMatch(/partwise\.accounts_summary: deleted \d+ orphan file/);
  expect(await full()).toEqual([]);
});

test('a cell is compacted for small files, dead rows or delete files, and otherwise left alone', () => {
  const policy = { targetFileBytes: 1_000, maxSmallFiles: 2, maxDeadFraction: 0.3 };
  const file = (name: string, sizeBytes: number, rows = 100) =>
    ({
      location: name,
      sizeBytes,
      rows,
      partition: ['2025-11', 0],
      specId: 0,
      content: 'data',
      format: 'PARQUET',
    }) as const;
  const scan = (
    name: string,
    sizeBytes: number,
    deleted: readonly (readonly [string, number])[] = [],
  ): ScanFile => ({
    file: file(name, sizeBytes),
    snapshotId: 1n,
    sequenceNumber: 1n,
    fileSequenceNumber: 1n,
    deletes: deleted.map(([one, rows]) => ({
      file: { ...file(one, 10, rows), content: 'position-deletes' },
      snapshotId: 1n,
      sequenceNumber: 1n,
      fileSequenceNumber: 1n,
    })),
  });
  expect(cellToCompact([scan('a', 900), scan('b', 10), scan('c', 10)], policy)).toBeUndefined();
  expect(cellToCompact([scan('a', 900), scan('b', 10), scan('c', 10), scan('d', 10)], policy)).toMatchObject({
    reason: '3 small files',
    files: [{ file: { location: 'b' } }, { file: { location: 'c' } }, { file: { location: 'd' } }],
  });
  expect(cellToCompact([scan('a', 900, [['x', 29]])], policy)).toBeUndefined();
  expect(cellToCompact([scan('a', 900, [['x', 31]])], policy)).toMatchObject({
    reason: '31 % of the rows deleted',
  });
  // A delete file that also covers a file that stays must stay.
  const shared = [scan('a', 900, [['x', 80]]), scan('b', 900, [['x', 80]]), scan('c', 900)];
  expect(cellToCompact(shared, { ...policy, maxDeadFraction: 0.1 })?.removedDeletes).toHaveLength(1);
});
