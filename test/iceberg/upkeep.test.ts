import { describe, expect, it } from 'vitest';
import { CommitConflictError, ConfigError, UnsupportedFeatureError, UsageError } from '../../lib/errors.ts';
import {
  addColumns,
  commitStaged,
  currentSchema,
  currentSnapshot,
  dropRef,
  expireSnapshots,
  loadTableAt,
  orphanFiles,
  type StagedCommit,
  setProperties,
  setRef,
} from '../../lib/iceberg/index.ts';
import { stringifyJson } from '../../lib/iceberg/json.ts';
import { parseMetadata } from '../../lib/iceberg/metadata-json.ts';
import { file, identifier, names, scan, type Warehouse, warehouse } from './helpers.ts';

async function apply(house: Warehouse, staged: StagedCommit): Promise<void> {
  await commitStaged({ catalog: house.catalog, staged: [staged] });
}

async function three(): Promise<Warehouse> {
  const house = await warehouse();
  await house.create();
  for (const name of ['a', 'b', 'c']) {
    const location = `${(await house.load()).metadata.location}/data/${name}.parquet`;
    await house.store.write(location, Uint8Array.of(1));
    await house.commit({ changes: { added: [file(name, ['2026-01', 0], { location })] } });
  }
  return house;
}

async function list<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const base = (locations: readonly string[]) => locations.map((location) => location.replace(/^.*\//, ''));

describe('expiry', () => {
  it('drops old snapshots and names exactly the files that nothing reaches any more', async () => {
    const house = await three();
    const { store, clock } = house;
    const [live] = await scan(house);
    if (live === undefined) throw new Error('no file');
    await house.commit({ operation: 'delete', changes: { removed: [live.file] } });
    const before = names(await scan(house));
    const expired = await expireSnapshots({
      store,
      table: await house.load(),
      clock,
      keep: 1,
      olderThanMs: 0,
    });
    if (expired.staged === undefined) throw new Error('nothing to expire');
    expect(expired.expiredSnapshotIds).toHaveLength(3);
    await apply(house, expired.staged);
    const gone = await list(expired.unreachable());
    expect(gone.filter((location) => location.endsWith('.parquet'))).toEqual([live.file.location]);
    expect(base(gone).filter((name) => name.startsWith('snap-'))).toHaveLength(3);
    for (const location of gone) await store.delete(location);
    expect(names(await scan(house))).toEqual(before);
    expect(await list(expired.unreachable())).toBeDefined();
  });

  it('keeps what branches and tags need, the young and the newest', async () => {
    const house = await three();
    const { store, clock } = house;
    const snapshots = (await house.load()).metadata.snapshots;
    const first = snapshots[0]?.snapshotId ?? 0n;
    await apply(
      house,
      await setRef({
        store,
        table: await house.load(),
        clock,
        name: 'v1',
        ref: { type: 'tag', snapshotId: first },
      }),
    );
    const table = await house.load();
    expect(
      (await expireSnapshots({ store, table, clock, keep: 1, olderThanMs: 1e9 })).staged,
    ).toBeUndefined();
    expect((await expireSnapshots({ store, table, clock, keep: 3, olderThanMs: 0 })).staged).toBeUndefined();
    expect(
      (await expireSnapshots({ store, table, clock, keep: 1, olderThanMs: 0 })).expiredSnapshotIds,
    ).toEqual([snapshots[1]?.snapshotId]);
  });

  it('fails as a whole when another writer came first', async () => {
    const house = await three();
    const { store, clock, catalog } = house;
    const expired = await expireSnapshots({
      store,
      table: await house.load(),
      clock,
      keep: 1,
      olderThanMs: 0,
    });
    await house.commit({ changes: { added: [file('d', ['2026-01', 0])] } });
    if (expired.staged === undefined) throw new Error('nothing to expire');
    await expect(commitStaged({ catalog, store, staged: [expired.staged] })).rejects.toThrow(
      CommitConflictError,
    );
    expect(names(await scan(house))).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('orphans', () => {
  it('are old objects that neither the table nor the caller reaches', async () => {
    const house = await three();
    const { store } = house;
    const table = await house.load();
    const { location } = table.metadata;
    for (const name of ['lost', 'checkpointed'])
      await store.write(`${location}/data/${name}.parquet`, Uint8Array.of(1));
    const alsoReachable = [`${location.replace('file:///', 'file:/')}/data/checkpointed.parquet`];
    const later = { now: () => Date.now() + 10_000 };
    expect(
      base(await list(orphanFiles({ store, table, clock: later, graceMs: 1_000, alsoReachable }))),
    ).toEqual(['lost.parquet']);
    expect(await list(orphanFiles({ store, table, clock: later, graceMs: 60_000 }))).toEqual([]);
  });
});

describe('branches', () => {
  it('start at main, move apart, and main follows by fast-forward only', async () => {
    const house = await three();
    const { store, clock } = house;
    await house.commit({ branch: 'audit', changes: { added: [file('d', ['2026-01', 0])] } });
    expect(names(await scan(house))).toEqual(['a', 'b', 'c']);
    expect(names(await scan(house, 'audit'))).toEqual(['a', 'b', 'c', 'd']);
    const table = await house.load();
    const ref = { type: 'branch', snapshotId: currentSnapshot(table, 'audit')?.snapshotId ?? 0n } as const;
    await apply(house, await setRef({ store, table, clock, name: 'main', ref, fastForward: true }));
    expect(names(await scan(house))).toEqual(['a', 'b', 'c', 'd']);
    await apply(house, await dropRef({ store, table: await house.load(), clock, name: 'audit' }));
    await house.commit({ branch: 'other', changes: { added: [file('e', ['2026-01', 0])] } });
    await house.commit({ changes: { added: [file('f', ['2026-01', 0])] } });
    const apart = await house.load();
    const other = { type: 'branch', snapshotId: currentSnapshot(apart, 'other')?.snapshotId ?? 0n } as const;
    await expect(
      setRef({ store, table: apart, clock, name: 'main', ref: other, fastForward: true }),
    ).rejects.toThrow(CommitConflictError);
    await expect(
      setRef({ store, table: apart, clock, name: 'x', ref: { type: 'tag', snapshotId: 5n } }),
    ).rejects.toThrow(UsageError);
    await expect(dropRef({ store, table: apart, clock, name: 'main' })).rejects.toThrow(UsageError);
  });
});

describe('metadata', () => {
  it('takes properties and new columns with fresh ids', async () => {
    const house = await three();
    const { store, clock } = house;
    await apply(
      house,
      await setProperties({ store, table: await house.load(), clock, set: { a: '1', b: '2' } }),
    );
    await apply(house, await setProperties({ store, table: await house.load(), clock, remove: ['a'] }));
    expect((await house.load()).metadata.properties).toEqual({ b: '2' });
    const history = { type: 'list', elementId: 0, element: 'long', elementRequired: false } as const;
    await apply(
      house,
      await addColumns({
        store,
        table: await house.load(),
        clock,
        columns: [
          { name: 'h', type: history },
          { name: 's', type: 'string' },
        ],
      }),
    );
    const schema = currentSchema(await house.load());
    expect(schema.fields.slice(-2)).toEqual([
      { id: 4, name: 'h', required: false, type: { ...history, elementId: 5 } },
      { id: 6, name: 's', required: false, type: 'string' },
    ]);
    await expect(
      addColumns({ store, table: await house.load(), clock, columns: [{ name: 's', type: 'string' }] }),
    ).rejects.toThrow(ConfigError);
  });

  it('keeps what it does not know', async () => {
    const house = await three();
    const table = await house.load();
    const text = new TextDecoder().decode(await house.store.read(table.metadataLocation));
    const odd = `${text.slice(0, -1)},"statistics":[{"snapshot-id":9007199254740993}],"x-y":{"z":1}}`;
    const { formatMetadata } = await import('../../lib/iceberg/metadata-json.ts');
    const again = formatMetadata(parseMetadata(odd, 'file:///m'));
    expect(again).toContain('"statistics":[{"snapshot-id":9007199254740993}]');
    expect(parseMetadata(again, 'file:///m')).toEqual(parseMetadata(odd, 'file:///m'));
    expect(stringifyJson({ a: 1n })).toBe('{"a":1}');
  });

  it('of format v3 is refused by name', async () => {
    const house = await three();
    const table = await house.load();
    const text = new TextDecoder()
      .decode(await house.store.read(table.metadataLocation))
      .replace('"format-version":2', '"format-version":3');
    const metadataLocation = `${table.metadata.location}/metadata/v3.metadata.json`;
    await house.store.write(metadataLocation, new TextEncoder().encode(text));
    await expect(loadTableAt({ store: house.store, identifier, metadataLocation })).rejects.toThrow(
      UnsupportedFeatureError,
    );
  });
});
