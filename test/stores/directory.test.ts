import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { LocationEscapeError } from '../../lib/errors.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { filePath, normalizeLocation } from '../../lib/stores/location.ts';
import { bytes, type OpenedStore, objectStoreContract } from '../contracts/object-store.ts';

async function open(): Promise<OpenedStore & { readonly folder: string }> {
  const folder = await mkdtemp(`${tmpdir()}/partwise-store-`);
  return {
    folder,
    store: await openDirectoryStore({ path: `${folder}/root` }),
    pieceBytes: 2 ** 18,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

objectStoreContract('a directory', open);

test('a location never leaves the root by links', async () => {
  await using opened = await open();
  const { folder, store } = opened;
  await writeFile(`${folder}/secret`, 'secret');
  await mkdir(`${folder}/root/links`, { recursive: true });
  await symlink(folder, `${folder}/root/links/out`);
  await expect(store.read(`${store.root}/links/out/secret`)).rejects.toThrow(LocationEscapeError);
  await expect(store.write(`${store.root}/links/out/new`, bytes('x'))).rejects.toThrow(LocationEscapeError);
});

test('both spellings of a file location are one, and so are the three of S3', () => {
  expect(normalizeLocation('file:/a/b')).toBe('file:///a/b');
  expect(filePath('file:/a/b')).toBe(filePath('file:///a/b'));
  expect(normalizeLocation('s3a://b/k')).toBe('s3://b/k');
  expect(normalizeLocation('s3n://b/k')).toBe('s3://b/k');
  expect(normalizeLocation('s3://b/s3a://k')).toBe('s3://b/s3a://k');
});
