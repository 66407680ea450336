import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { ConfigError } from '../../lib/errors.ts';
import { storageError } from '../../lib/storage-error.ts';
import { makeRoot } from '../../lib/stores/folder/root-folder.ts';
import { openSqliteState } from '../../lib/stores/sqlite/state.ts';

async function inFolder(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-root-'));
  try {
    await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The error that the action throws, as people get it. */
async function failure(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return storageError(error);
  }
  return undefined;
}

describe('a root', () => {
  it('is made with the folders above it, also by two at once', async () => {
    await inFolder(async (folder) => {
      const root = join(folder, 'a/b/c');
      await Promise.all([makeRoot(root), makeRoot(root)]);
      expect((await stat(root)).isDirectory()).toBe(true);
      await makeRoot(root);
    });
  });

  it('that is a file, lies below one or cannot be made is refused by name', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      for (const path of [file, join(file, 'below'), '/proc/partwise/below', '/sys/partwise']) {
        const error = await failure(() => makeRoot(path));
        expect(error, path).toMatchObject({
          name: 'RootUnusableError',
          message: expect.stringContaining(path),
          next: expect.stringContaining('--root DIR'),
        });
      }
    });
  });
});

describe('a full disk is one error, whoever meets it:', () => {
  const full = { name: 'StorageFullError', next: expect.stringContaining('partwise resume') };

  it('Node', async () => {
    expect(await failure(() => writeFile('/dev/full', 'x'))).toMatchObject(full);
  });

  it('SQLite', async () => {
    const database = new DatabaseSync(':memory:');
    database.exec('PRAGMA max_page_count = 2');
    const fill = () => database.exec('CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x)');
    expect(await failure(fill)).toMatchObject(full);
    database.close();
  });

  it('DuckDB', async () => {
    await inFolder(async (workFolder) => {
      await using session = await openDuckDb({ memoryBytes: 256e6, threads: 1, workFolder });
      const copy = () => session.execute("COPY (SELECT * FROM range(100000)) TO '/dev/full' (FORMAT csv)");
      expect(await failure(copy)).toMatchObject(full);
    });
  });

  it('also when it has no room for the memory that SQLite shares', () => {
    const error = Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 4874 });
    expect(storageError(error)).toMatchObject(full);
  });

  it('and other errors stay as they are', () => {
    const config = new ConfigError('no space left on device');
    expect(storageError(config)).toBe(config);
    expect(storageError('text')).toBe('text');
  });
});

it('a database that is none is state that is damaged, and the advice is a backup', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'state.db');
    await writeFile(path, 'no database at all, but long enough to be looked at as one'.repeat(20));
    const open = () => openSqliteState({ path, clock: { now: () => 0 } });
    expect(await failure(open)).toMatchObject({
      name: 'CorruptStateError',
      next: expect.stringContaining('backup'),
    });
  });
});
