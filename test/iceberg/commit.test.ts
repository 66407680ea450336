import { describe, expect, it } from 'vitest';
import { CommitConflictError } from '../../lib/errors.ts';
import {
  commitStaged,
  currentSnapshot,
  prepareCreateTable,
  snapshotById,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import { fields, file, names, partitionFields, scan, warehouse } from './helpers.ts';

describe('a commit', () => {
  it('adds files that the next snapshot lists with inherited sequence numbers', async () => {
    const house = await warehouse();
    await house.create();
    const table = await house.commit({
      changes: { added: [file('a', ['2026-01', 0]), file('b', ['2026-02', 1])] },
    });
    const files = await scan(house);
    expect(names(files)).toEqual(['a', 'b']);
    for (const live of files) {
      expect(live.sequenceNumber).toBe(1n);
      expect(live.snapshotId).toBe(currentSnapshot(table)?.snapshotId);
    }
  });

  it('replaces files in one snapshot and keeps the sequence numbers of the others', async () => {
    const house = await warehouse();
    await house.create();
    await house.commit({ changes: { added: [file('a', ['2026-01', 0]), file('b', ['2026-01', 0])] } });
    await house.commit({
      operation: 'overwrite',
      changes: { removed: ['file:/w/a.parquet'], added: [file('c', ['2026-01', 0])] },
    });
    const files = await scan(house);
    expect(names(files)).toEqual(['b', 'c']);
    expect(
      files.map(({ file: { location }, sequenceNumber }) => [location.at(-9), sequenceNumber]).sort(),
    ).toEqual([
      ['b', 1n],
      ['c', 2n],
    ]);
  });

  it('leaves the spelling of locations as it was: an engine that compares them would take a file for two', async () => {
    const house = await warehouse();
    await house.create();
    const foreign = file('s', ['2026-01', 0], { location: 'file:/w/s.parquet' });
    const deletes = file('d', ['2026-01', 0], {
      content: 'position-deletes',
      location: 'file:/w/d.parquet',
      referencedDataFile: 'file:/w/s.parquet',
    });
    await house.commit({
      changes: {
        added: [foreign, file('a', ['2026-01', 0])],
        addedDeletes: [deletes, file('e', ['2026-01', 0], { content: 'position-deletes' })],
      },
    });
    await house.commit({
      operation: 'delete',
      changes: { removed: ['file:///w/a.parquet'], removedDeletes: ['file:/w/e.parquet'] },
    });
    const [live] = await scan(house);
    expect(live?.file.location).toBe('file:/w/s.parquet');
    expect(live?.deletes.map((item) => [item.file.location, item.file.referencedDataFile])).toEqual([
      ['file:/w/d.parquet', 'file:/w/s.parquet'],
    ]);
  });

  it('refuses to remove a file that is not live', async () => {
    const house = await warehouse();
    await house.create();
    await house.commit({ changes: { added: [file('a', ['2026-01', 0])] } });
    await expect(
      house.commit({ operation: 'delete', changes: { removed: [file('x', ['2026-01', 0])] } }),
    ).rejects.toThrow(CommitConflictError);
    await house.commit({ operation: 'delete', changes: { removed: [file('a', ['2026-01', 0])] } });
    await expect(
      house.commit({ operation: 'delete', changes: { removed: [file('a', ['2026-01', 0])] } }),
    ).rejects.toThrow(CommitConflictError);
    expect(await scan(house)).toEqual([]);
  });

  it('states changes and totals in the summary', async () => {
    const house = await warehouse();
    await house.create();
    await house.commit({
      changes: { added: [file('a', ['2026-01', 0]), file('b', ['2026-02', 1], { rows: 7 })] },
    });
    const deletes = file('d', ['2026-02', 1], { content: 'position-deletes', rows: 2, sizeBytes: 50 });
    const table = await house.commit({
      operation: 'overwrite',
      summary: { 'partwise.run-id': 'r1' },
      changes: {
        removed: [file('a', ['2026-01', 0])],
        added: [file('c', ['2026-01', 0], { rows: 11 })],
        addedDeletes: [deletes],
      },
    });
    expect(currentSnapshot(table)?.summary).toEqual({
      operation: 'overwrite',
      'partwise.run-id': 'r1',
      'added-data-files': '1',
      'added-records': '11',
      'added-files-size': '1050',
      'deleted-data-files': '1',
      'deleted-records': '10',
      'removed-files-size': '1000',
      'added-delete-files': '1',
      'added-position-delete-files': '1',
      'added-position-deletes': '2',
      'changed-partition-count': '2',
      'total-records': '18',
      'total-files-size': '2050',
      'total-data-files': '2',
      'total-delete-files': '1',
      'total-position-deletes': '2',
      'total-equality-deletes': '0',
    });
  });

  it('loses against a commit that came first, and leaves the table as that one made it', async () => {
    const house = await warehouse();
    const table = await house.create();
    const { store, clock, catalog } = house;
    const staged = await stageCommit({
      store,
      table,
      clock,
      operation: 'append',
      changes: { added: [file('late', ['2026-01', 0])] },
    });
    await house.commit({ changes: { added: [file('first', ['2026-01', 0])] } });
    await expect(commitStaged({ catalog, store, staged: [staged] })).rejects.toThrow(CommitConflictError);
    expect(names(await scan(house))).toEqual(['first']);
  });

  it('takes its own landed swap for success when it is repeated', async () => {
    const house = await warehouse();
    const table = await house.create();
    const { store, clock, catalog } = house;
    const staged = await stageCommit({
      store,
      table,
      clock,
      operation: 'append',
      changes: { added: [file('a', ['2026-01', 0])] },
    });
    await commitStaged({ catalog, store, staged: [staged] });
    await commitStaged({ catalog, store, staged: [staged] });
    await house.commit({ changes: { added: [file('b', ['2026-01', 0])] } });
    await commitStaged({ catalog, store, staged: [staged] });
    expect(names(await scan(house))).toEqual(['a', 'b']);
  });

  it('moves several tables in one swap or none of them', async () => {
    const house = await warehouse();
    const { store, clock, catalog } = house;
    const prepare = (name: string) =>
      prepareCreateTable({
        store,
        identifier: { namespace: 'ns', name },
        location: joinLocation(store.root, name),
        fields,
        partitionFields,
        clock,
      });
    await commitStaged({ catalog, staged: [await prepare('x'), await prepare('y')] });
    const again = [await prepare('z'), await prepare('y')];
    await expect(commitStaged({ catalog, staged: again })).rejects.toThrow(CommitConflictError);
    expect((await catalog.list('ns')).map(({ name }) => name)).toEqual(['x', 'y']);
  });

  it('streams additions into manifests of bounded size, clustered by bucket', async () => {
    const house = await warehouse();
    await house.create();
    async function* many() {
      for (let index = 0; index < 1_000; index += 1)
        yield file(`f${index}`, [`2026-0${1 + (index % 5)}`, index % 4]);
    }
    await house.commit({ changes: { added: many() }, manifestEntries: 250 });
    const all = await scan(house);
    expect(all).toHaveLength(1_000);
    const bucket2 = await scan(house, 'main', {
      partitionFilter: {
        mayMatch: ([, bucket]) => Number(bucket?.lower) <= 2 && Number(bucket?.upper) >= 2,
        matches: ([, bucket]) => bucket === 2,
      },
    });
    expect(bucket2).toHaveLength(250);
  });

  it('merges small manifests once there are many, and loses no entry', async () => {
    const house = await warehouse();
    await house.create({ properties: { 'commit.manifest.min-count-to-merge': '5' } });
    for (let index = 0; index < 12; index += 1)
      await house.commit({ changes: { added: [file(`f${index}`, ['2026-01', index % 4])] } });
    const files = await scan(house);
    expect(files).toHaveLength(12);
    expect(new Set(files.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(12);
    const { readManifestList } = await import('../../lib/iceberg/manifest-list.ts');
    const table = await house.load();
    const snapshot = snapshotById(table, table.metadata.refs['main']?.snapshotId ?? 0n);
    if (snapshot === undefined) throw new Error('no snapshot');
    expect((await readManifestList(house.store, snapshot)).length).toBeLessThan(7);
    await house.commit({ operation: 'delete', changes: { removed: files.map((live) => live.file) } });
    expect(await scan(house)).toEqual([]);
  });

  it('keeps 63-bit snapshot ids to the last digit', async () => {
    const house = await warehouse();
    await house.create();
    const random = { bytes: (length: number) => new Uint8Array(length).fill(0xff) };
    const table = await house.commit({ changes: { added: [file('a', ['2026-01', 0])] }, random });
    expect(currentSnapshot(table)?.snapshotId).toBe(9_223_372_036_854_775_807n);
    expect(currentSnapshot(await house.load())?.snapshotId).toBe(9_223_372_036_854_775_807n);
    expect((await scan(house))[0]?.snapshotId).toBe(9_223_372_036_854_775_807n);
  });
});
