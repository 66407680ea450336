import { describe, expect, it } from 'vitest';
import { PinnedSnapshotExpiredError, UnsupportedFeatureError } from '../../lib/errors.ts';
import {
  assertReadable,
  cellFilter,
  type DataFile,
  liveDeleteFiles,
  type PartitionValue,
  positionDeleteFieldIds,
  type ScanFile,
} from '../../lib/iceberg/index.ts';
import { fields, file, names, scan, type Warehouse, warehouse } from './helpers.ts';

const schema = { schemaId: 0, fields };
const positionDeletes = (
  name: string,
  partition: readonly PartitionValue[],
  options: Partial<DataFile> = {},
) => file(name, partition, { content: 'position-deletes', rows: 1, ...options });
const pathBounds = (lower: string, upper: string): Partial<DataFile> => ({
  lowerBounds: new Map([[positionDeleteFieldIds.file_path, Buffer.from(lower)]]),
  upperBounds: new Map([[positionDeleteFieldIds.file_path, Buffer.from(upper)]]),
});

async function deletesOf(house: Warehouse): Promise<Record<string, readonly string[]>> {
  return Object.fromEntries(
    (await scan(house)).map((item: ScanFile) => [names([item])[0] ?? '', names(item.deletes)]),
  );
}

describe('live files', () => {
  it('carry the position deletes of their partition that are not older than they are', async () => {
    const house = await warehouse();
    await house.create();
    await house.commit({ changes: { added: [file('old', ['2026-01', 0]), file('other', ['2026-01', 1])] } });
    await house.commit({
      changes: {
        added: [file('same', ['2026-01', 0])],
        addedDeletes: [positionDeletes('pd', ['2026-01', 0])],
      },
    });
    await house.commit({ changes: { added: [file('new', ['2026-01', 0])] } });
    expect(await deletesOf(house)).toEqual({ old: ['pd'], other: [], same: ['pd'], new: [] });
  });

  it('carry equality deletes that are younger, those of an unpartitioned spec wherever they lie', async () => {
    const house = await warehouse();
    await house.create({ partitionFields: [] });
    await house.commit({ changes: { added: [file('old', [])] } });
    await house.commit({
      changes: {
        added: [file('same', [])],
        addedDeletes: [file('ed', [], { content: 'equality-deletes', equalityIds: [1] })],
      },
    });
    expect(await deletesOf(house)).toEqual({ old: ['ed'], same: [] });
  });

  it('are told apart by the path that a delete file is about, however its scheme is spelt', async () => {
    const house = await warehouse();
    await house.create();
    const cell = ['2026-01', 0];
    await house.commit({ changes: { added: [file('a', cell), file('b', cell), file('c', cell)] } });
    await house.commit({
      changes: {
        addedDeletes: [
          positionDeletes('of-a', cell, { referencedDataFile: 'file:/w/a.parquet' }),
          positionDeletes('of-b', cell, pathBounds('file:/w/b.parquet', 'file:/w/b.parquet')),
          positionDeletes('of-b-to-c', cell, pathBounds('file:/w/b.parquet', 'file:/w/c')),
        ],
      },
    });
    expect(await deletesOf(house)).toEqual({ a: ['of-a'], b: ['of-b', 'of-b-to-c'], c: [] });
  });

  it('are filtered by month and bucket, null months included when they are asked for', async () => {
    const house = await warehouse();
    await house.create();
    const cells = [null, '2026-01', '2026-02', '2026-03'].flatMap((month) =>
      [0, 1, 2, 3].map((bucket) => [month, bucket] as const),
    );
    await house.commit({
      changes: { added: cells.map((cell) => file(cell.join('-'), cell)) },
      manifestEntries: 3,
    });
    const filtered = async (options: Omit<Parameters<typeof cellFilter>[0], 'schema'>) =>
      names(await scan(house, 'main', { partitionFilter: cellFilter({ schema, ...options }) }));
    expect(
      await filtered({
        month: { column: 'month', values: ['2026-02', null] },
        bucket: { column: 'key', count: 4, values: [3] },
      }),
    ).toEqual(['-3', '2026-02-3']);
    expect(
      await filtered({
        month: { column: 'month', from: '2026-02' },
        bucket: { column: 'key', count: 4, values: [0] },
      }),
    ).toEqual(['2026-02-0', '2026-03-0']);
    expect(await filtered({ month: { column: 'month', from: '2026-02', to: '2026-02' } })).toHaveLength(4);
    expect(await filtered({ bucket: { column: 'key', count: 8, values: [0] } })).toHaveLength(16);
    expect(await filtered({ bucket: { column: 'key', count: 4, values: [] } })).toEqual([]);
  });

  it('come without statistics when none are wanted', async () => {
    const house = await warehouse();
    await house.create();
    await house.commit({
      changes: { added: [file('a', ['2026-01', 0], { valueCounts: new Map([[1, 10]]), splitOffsets: [4] })] },
    });
    const [whole] = await scan(house);
    const [bare] = await scan(house, 'main', { statistics: false });
    expect(whole?.file.valueCounts).toEqual(new Map([[1, 10]]));
    expect(whole?.file.splitOffsets).toEqual([4]);
    expect(bare?.file.valueCounts).toBeUndefined();
  });

  it('are refused by name where they cannot be read', async () => {
    const house = await warehouse();
    await house.create();
    await house.commit({ changes: { added: [file('a', ['2026-01', 0])] } });
    await house.commit({
      changes: {
        addedDeletes: [file('ed', ['2026-01', 0], { content: 'equality-deletes', equalityIds: [1] })],
      },
    });
    const [first] = await scan(house);
    if (first === undefined) throw new Error('no file');
    expect(() => assertReadable(first)).toThrow(UnsupportedFeatureError);
    expect(() => assertReadable(first)).toThrow('ed.parquet');
    expect(() => assertReadable({ ...first, deletes: [], file: { ...first.file, format: 'orc' } })).toThrow(
      UnsupportedFeatureError,
    );
    expect(() => assertReadable({ ...first, deletes: [] })).not.toThrow();
  });

  it('of a snapshot whose manifests are gone are a named error', async () => {
    const house = await warehouse();
    await house.create();
    const table = await house.commit({ changes: { added: [file('a', ['2026-01', 0])] } });
    for await (const object of house.store.list(`${table.metadata.location}/metadata/`)) {
      if (object.location.endsWith('.avro')) await house.store.delete(object.location);
    }
    await expect(scan(house)).rejects.toThrow(PinnedSnapshotExpiredError);
  });

  it('list delete files that point nowhere apart', async () => {
    const house = await warehouse();
    await house.create();
    const table = await house.commit({ changes: { addedDeletes: [positionDeletes('pd', ['2026-01', 0])] } });
    const found = [];
    for await (const item of liveDeleteFiles({
      store: house.store,
      table,
      snapshotId: table.metadata.refs['main']?.snapshotId,
    }))
      found.push(item);
    expect(names(found)).toEqual(['pd']);
    expect(await scan(house)).toEqual([]);
  });
});
