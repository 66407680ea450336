import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocationEscapeError, ObjectExistsError, ObjectNotFoundError } from '../../lib/errors.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { Location, ObjectStore } from '../../lib/stores/ports.ts';

export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (value: Uint8Array) => new TextDecoder().decode(value);

export interface OpenedStore extends AsyncDisposable {
  readonly store: ObjectStore;
  /** Size from which on the adapter writes and fetches in pieces; tests go over it. */
  readonly pieceBytes: number;
  /** The store behind the adapter cannot list names with control characters. */
  readonly plainNames?: boolean;
}

/** What every object store promises, whatever is below it. */
export function objectStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name}, as an object store`, () => {
    let opened: OpenedStore;
    let store: ObjectStore;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'partwise-contract-'));
      opened = await open();
      store = opened.store;
    });
    afterAll(async () => {
      await opened[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });
    const large = () => Uint8Array.from({ length: 2 * opened.pieceBytes + 12_345 }, (_, n) => (n * 31) % 251);

    test('a part of an object is at its place in a file of the object’s length', async () => {
      const content = large();
      const location = joinLocation(store.root, 'parts', 'one');
      await store.write(location, content);
      const ranges = [
        { from: 10, to: 20 },
        { from: opened.pieceBytes - 5, to: opened.pieceBytes + 7_000 },
        { from: opened.pieceBytes, to: opened.pieceBytes + 9_000 },
      ];
      const last = { from: content.length - 100, to: content.length };
      const path = await store.localPart(location, async ({ sizeBytes, read }) => {
        expect(sizeBytes).toBe(content.length);
        expect(Buffer.compare(await read(last), content.subarray(last.from))).toBe(0);
        return ranges;
      });
      const found = await readFile(path);
      expect(found).toHaveLength(content.length);
      for (const { from, to } of [...ranges, last])
        expect(Buffer.compare(found.subarray(from, to), content.subarray(from, to))).toBe(0);
      await expect(
        store.localPart(joinLocation(store.root, 'parts', 'none'), async () => []),
      ).rejects.toThrow(ObjectNotFoundError);
    });

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
        Array.from({ length: 20 }, (_, n) => store.write(location, bytes(`writer ${n}`))),
      );
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ObjectExistsError);
      const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
      expect(text(await store.read(location))).toBe(`writer ${winner}`);
    });

    test('a large object is written from bytes, from a stream and from a file, create-only', async () => {
      const content = large();
      async function* stream(): AsyncIterable<Uint8Array> {
        for (let from = 0; from < content.length; from += 777_777)
          yield content.subarray(from, from + 777_777);
      }
      const path = join(folder, 'large');
      await writeFile(path, content);
      const locations = ['bytes', 'stream', 'file'].map((one) => joinLocation(store.root, 'large', one));
      const [fromBytes = '', fromStream = '', fromFile = ''] = locations;
      await store.write(fromBytes, content);
      await store.write(fromStream, stream());
      await store.adopt(path, fromFile);
      for (const location of locations) {
        expect((await store.head(location))?.sizeBytes).toBe(content.length);
        expect(Buffer.compare(await store.read(location), content)).toBe(0);
        expect(Buffer.compare(await readFile(await store.localPath(location)), content)).toBe(0);
        await expect(store.write(location, content)).rejects.toThrow(ObjectExistsError);
      }
      const middle = await store.readRange(fromFile, opened.pieceBytes - 3, 6);
      expect([...middle]).toEqual([...content.subarray(opened.pieceBytes - 3, opened.pieceBytes + 3)]);
    });

    test('a range that reaches over the end is cut there', async () => {
      const location = joinLocation(store.root, 'short');
      await store.write(location, bytes('abc'));
      expect(text(await store.readRange(location, 2, 10))).toBe('c');
      expect(text(await store.readRange(location, 3, 10))).toBe('');
      expect(text(await store.readRange(location, 1, 0))).toBe('');
    });

    test('an object may be empty', async () => {
      const location = joinLocation(store.root, 'empty');
      await store.write(location, new Uint8Array());
      expect((await store.head(location))?.sizeBytes).toBe(0);
      expect(await store.read(location)).toHaveLength(0);
      expect((await stat(await store.localPath(location))).size).toBe(0);
      expect(await lines(store, location)).toEqual([]);
    });

    test('a write that fails midway leaves no object', async () => {
      const piece = new Uint8Array(opened.pieceBytes);
      async function* broken(pieces: number): AsyncIterable<Uint8Array> {
        yield bytes('half');
        for (let n = 0; n < pieces; n += 1) yield piece;
        throw new Error('the source broke');
      }
      for (const pieces of [0, 2]) {
        const location = joinLocation(store.root, `half-${pieces}`);
        await expect(store.write(location, broken(pieces))).rejects.toThrow('the source broke');
        expect(await store.head(location)).toBeUndefined();
      }
    });

    test('what is not there is named', async () => {
      const location = joinLocation(store.root, 'nothing');
      await expect(store.read(location)).rejects.toThrow(ObjectNotFoundError);
      await expect(store.readRange(location, 0, 1)).rejects.toThrow(ObjectNotFoundError);
      await expect(lines(store, location)).rejects.toThrow(ObjectNotFoundError);
      expect(await store.head(location)).toBeUndefined();
      await store.delete(location);
    });

    test('what is deleted is gone', async () => {
      const location = joinLocation(store.root, 'gone');
      await store.write(location, bytes('x'));
      await store.delete(location);
      expect(await store.head(location)).toBeUndefined();
      await store.write(location, bytes('y'));
      expect(text(await store.read(location))).toBe('y');
    });

    test('a local file is moved in, create-only; a file that is refused stays', async () => {
      const location = joinLocation(store.root, 'adopted');
      const made = join(folder, 'made-here');
      await writeFile(made, 'rows');
      expect((await store.adopt(made, location)).sizeBytes).toBe(4);
      await expect(stat(made)).rejects.toThrow('ENOENT');
      await writeFile(made, 'other');
      await expect(store.adopt(made, location)).rejects.toThrow(ObjectExistsError);
      expect(await readFile(made, 'utf8')).toBe('other');
      expect(await readFile(await store.localPath(location), 'utf8')).toBe('rows');
    });

    test('a location never leaves the root', async () => {
      const outside = [`${store.root}/../secret`, `${store.root}x/y`, `${store.root}/a/../../secret`];
      for (const location of outside) {
        await expect(store.read(location)).rejects.toThrow(LocationEscapeError);
        await expect(store.readRange(location, 0, 1)).rejects.toThrow(LocationEscapeError);
        await expect(lines(store, location)).rejects.toThrow(LocationEscapeError);
        await expect(store.write(location, bytes('x'))).rejects.toThrow(LocationEscapeError);
        await expect(store.head(location)).rejects.toThrow(LocationEscapeError);
        await expect(store.delete(location)).rejects.toThrow(LocationEscapeError);
        await expect(store.localPath(location)).rejects.toThrow(LocationEscapeError);
        await expect(listed(store, location)).rejects.toThrow(LocationEscapeError);
        const file = join(folder, 'stays');
        await writeFile(file, 'x');
        await expect(store.adopt(file, location)).rejects.toThrow(LocationEscapeError);
      }
    });

    test('listing finds what starts with the prefix and nothing else', async () => {
      for (const one of ['list/x1', 'list/x2/y', 'list/z'])
        await store.write(joinLocation(store.root, one), bytes('.'));
      expect(await listed(store, joinLocation(store.root, 'list', 'x'))).toEqual(['/list/x1', '/list/x2/y']);
      expect(await listed(store, joinLocation(store.root, 'list', 'none'))).toEqual([]);
    });

    test('a line ends at a line feed and nowhere else', async () => {
      const location = joinLocation(store.root, 'lines');
      const long = 'ä'.repeat(300_000);
      await store.write(location, bytes(`{"a":"\u2028 \u0085"}\r\n\n${long}\nlast`));
      expect(await lines(store, location)).toEqual(['{"a":"\u2028 \u0085"}', '', long, 'last']);
    });

    test('any key that stays inside is stored and read back under its own name', async () => {
      const segment = fc
        .string({ minLength: 1, maxLength: 40, unit: 'binary' })
        .filter(
          (one) =>
            !/[/\0]/.test(one) &&
            (opened.plainNames !== true || !/[\p{Cc}\ufffe\uffff]/u.test(one)) &&
            one !== '.' &&
            one !== '..' &&
            Buffer.byteLength(one) < 200 &&
            one.isWellFormed(),
        );
      let n = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 4 }), async (segments) => {
          n += 1;
          const location = joinLocation(store.root, `any-${n}`, ...segments);
          await store.write(location, bytes(location));
          expect(text(await store.read(location))).toBe(location);
          expect(await readFile(await store.localPath(location), 'utf8')).toBe(location);
          expect(await listed(store, joinLocation(store.root, `any-${n}`))).toEqual([
            location.slice(store.root.length),
          ]);
        }),
        {
          numRuns: 50,
          examples: [[['a b+c%2F', '%', 'ü&?#=;:@$,!*()\'"', '~{}|\\^`<>']], [['=cmd', '日本', '\u{1f600}']]],
        },
      );
    });
  });
}

async function listed(store: ObjectStore, prefix: Location): Promise<string[]> {
  const found: string[] = [];
  for await (const { location } of store.list(prefix)) found.push(location.slice(store.root.length));
  return found.sort();
}

export async function lines(store: ObjectStore, location: Location): Promise<string[]> {
  const found: string[] = [];
  for await (const line of store.readLines(location)) found.push(line);
  return found;
}
