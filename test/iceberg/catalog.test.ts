import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CatalogBusyError, CommitConflictError } from '../../lib/errors.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { openSqliteCatalog } from '../../lib/stores/sqlite/catalog.ts';
import { catalogContract } from '../contracts/catalog.ts';

const t = { namespace: 'ns', name: 't' };

async function catalogPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-catalog-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'catalog.db');
}

catalogContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-catalog-'));
  const catalog = await openSqliteCatalog({ path: join(folder, 'catalog.db'), name: 'local' });
  return {
    catalog,
    store: await openDirectoryStore({ path: join(folder, 'warehouse') }),
    [Symbol.asyncDispose]: async () => {
      catalog[Symbol.dispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

describe('the SQLite catalog', () => {
  it('moves a pointer only from where the writer saw it, in either spelling of its scheme', async () => {
    using catalog = await openSqliteCatalog({ path: await catalogPath(), name: 'local' });
    await catalog.swap([{ identifier: t, expected: undefined, next: 'file:/m1' }]);
    await expect(catalog.swap([{ identifier: t, expected: undefined, next: 'file:///m2' }])).rejects.toThrow(
      CommitConflictError,
    );
    await catalog.swap([{ identifier: t, expected: 'file:///m1', next: 'file:///m2' }]);
    await expect(
      catalog.swap([{ identifier: t, expected: 'file:///m1', next: 'file:///m3' }]),
    ).rejects.toThrow(CommitConflictError);
    expect(await catalog.current(t)).toBe('file:///m2');
  });

  it('does all swaps or none', async () => {
    using catalog = await openSqliteCatalog({ path: await catalogPath(), name: 'local' });
    const u = { ...t, name: 'u' };
    await catalog.swap([
      { identifier: t, expected: undefined, next: 'file:///t1' },
      { identifier: u, expected: undefined, next: 'file:///u1' },
    ]);
    const swaps = [
      { identifier: t, expected: 'file:///t1', next: 'file:///t2' },
      { identifier: u, expected: 'file:///u0', next: 'file:///u2' },
    ];
    await expect(catalog.swap(swaps)).rejects.toThrow(CommitConflictError);
    expect(await catalog.current(t)).toBe('file:///t1');
    expect(await catalog.list('ns')).toEqual([t, u]);
    await catalog.drop(t);
    expect(await catalog.list()).toEqual([u]);
  });

  it('lets one of two processes win', async () => {
    const path = await catalogPath();
    using first = await openSqliteCatalog({ path, name: 'local' });
    using second = await openSqliteCatalog({ path, name: 'local' });
    await first.swap([{ identifier: t, expected: undefined, next: 'file:///m0' }]);
    const outcomes = await Promise.allSettled(
      [first, second].map((one, index) =>
        one.swap([{ identifier: t, expected: 'file:///m0', next: `file:///m${index + 1}` }]),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
  });

  it('commits beside a reader that never closes, and says when a writer never does', async () => {
    const path = await catalogPath();
    using catalog = await openSqliteCatalog({ path, name: 'local', busyTimeoutMs: 50 });
    using other = new DatabaseSync(path);
    other.exec('BEGIN; SELECT * FROM iceberg_tables');
    await catalog.swap([{ identifier: t, expected: undefined, next: 'file:///m1' }]);
    other.exec('COMMIT; BEGIN IMMEDIATE');
    await expect(
      catalog.swap([{ identifier: t, expected: 'file:///m1', next: 'file:///m2' }]),
    ).rejects.toThrow(CatalogBusyError);
    other.exec('COMMIT');
    await catalog.swap([{ identifier: t, expected: 'file:///m1', next: 'file:///m2' }]);
  });

  it('takes over a catalog of schema V0 and leaves views alone', async () => {
    const path = await catalogPath();
    {
      using old = new DatabaseSync(path);
      old.exec(`CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
        metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), PRIMARY KEY (catalog_name, table_namespace, table_name));
        INSERT INTO iceberg_tables VALUES ('local', 'ns', 't', 'file:/old', NULL)`);
    }
    using catalog = await openSqliteCatalog({ path, name: 'local' });
    expect(await catalog.current(t)).toBe('file:/old');
    await catalog.swap([{ identifier: t, expected: 'file:///old', next: 'file:///new' }]);
    using raw = new DatabaseSync(path);
    raw.exec("INSERT INTO iceberg_tables VALUES ('local', 'ns', 'v', 'file:///view', NULL, 'VIEW')");
    expect(await catalog.list()).toEqual([t]);
    expect(await catalog.current({ ...t, name: 'v' })).toBeUndefined();
  });
});
