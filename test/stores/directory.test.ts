import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocationEscapeError, ObjectExistsError, ObjectNotFoundError } from '../../lib/errors.ts';
import { openDirectoryStore } from '../../lib/stores/directory.ts';
import { filePath, joinLocation, normalizeLocation } from '../../lib/stores/location.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';

let folder: string;
let store: ObjectStore;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/partwise-store-`);
  store = await openDirectoryStore({ path: `${folder}/root` });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('an object is created once, a second create is refused and changes nothing', async () => {
  const location = joinLocation(store.root, 'a', 'b.json');
  await store.write(location, bytes('one'));
  await expect(store.write(location, bytes('two'))).rejects.toThrow(ObjectExistsError);
  expect(text(await store.read(location))).toBe('one');
  await store.write(location, bytes('three'), { overwrite: true });
  expect(text(await store.readRange(location, 1, 3))).toBe('hre');
});

test('of twenty creators of one object exactly one wins', async () => {
  const location = joinLocation(store.root, 'race');
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => store.write(location, bytes(String(n)))),
  );
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
});

test('a write that fails midway leaves no object', async () => {
  const location = joinLocation(store.root, 'half');
  async function* broken(): AsyncIterable<Uint8Array> {
    yield bytes('half');
    throw new Error('the source broke');
  }
  await expect(store.write(location, broken())).rejects.toThrow('the source broke');
  expect(await store.head(location)).toBeUndefined();
});

test('what is not there is named', async () => {
  const location = joinLocation(store.root, 'nothing');
  await expect(store.read(location)).rejects.toThrow(ObjectNotFoundError);
  expect(await store.head(location)).toBeUndefined();
  await store.delete(location);
});

test('a local file is moved in, create-only', async () => {
  const location = joinLocation(store.root, 'adopted');
  await writeFile(`${folder}/made-here`, 'rows');
  expect((await store.adopt(`${folder}/made-here`, location)).sizeBytes).toBe(4);
  await writeFile(`${folder}/made-again`, 'other');
  await expect(store.adopt(`${folder}/made-again`, location)).rejects.toThrow(ObjectExistsError);
  expect(await readFile(filePath(location), 'utf8')).toBe('rows');
});

test('a location never leaves the root, by dots or by links', async () => {
  await writeFile(`${folder}/secret`, 'secret');
  await mkdir(`${folder}/root/links`, { recursive: true });
  await symlink(folder, `${folder}/root/links/out`);
  await expect(store.read(`${store.root}/../secret`)).rejects.toThrow(LocationEscapeError);
  await expect(store.read(`${store.root}/links/out/secret`)).rejects.toThrow(LocationEscapeError);
  await expect(store.write(`${store.root}/links/out/new`, bytes('x'))).rejects.toThrow(LocationEscapeError);
});

test('listing finds what starts with the prefix and nothing else', async () => {
  for (const name of ['list/x1', 'list/x2/y', 'list/z'])
    await store.write(joinLocation(store.root, name), bytes('.'));
  const found: string[] = [];
  for await (const info of store.list(joinLocation(store.root, 'list', 'x')))
    found.push(info.location.slice(store.root.length));
  expect(found.sort()).toEqual(['/list/x1', '/list/x2/y']);
});

test('any key that stays inside is stored and read back under its own name', async () => {
  const segment = fc
    .string({ minLength: 1, maxLength: 40, unit: 'binary' })
    .filter(
      (name) =>
        !/[/\0]/.test(name) &&
        name !== '.' &&
        name !== '..' &&
        Buffer.byteLength(name) < 200 &&
        name.isWellFormed(),
    );
  let n = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 4 }), async (segments) => {
      n += 1;
      const location = joinLocation(store.root, `any-${n}`, ...segments);
      await store.write(location, bytes(location));
      expect(text(await store.read(location))).toBe(location);
    }),
    { numRuns: 50 },
  );
});

test('both spellings of a file location are one', () => {
  expect(normalizeLocation('file:/a/b')).toBe('file:///a/b');
  expect(filePath('file:/a/b')).toBe(filePath('file:///a/b'));
});
