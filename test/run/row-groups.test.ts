import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { text } from '../../lib/engine/sql.ts';
import { localRows } from '../../lib/run/row-groups.ts';
import type { ByteRange, ObjectStore } from '../../lib/stores/ports.ts';

let folder: string;
let path: string;
let session: EngineSession;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-row-groups-'));
  session = await openDuckDb({ memoryBytes: 256e6, threads: 2, workFolder: join(folder, 'engine') });
  path = join(folder, 'rows.parquet');
  // Few distinct texts make dictionaries with Bloom filters; the last column makes the file large.
  await session.writeParquet({
    select: `SELECT CAST(hash(i) % 300 AS INTEGER) AS bucket, i, 'name ' || (i % 50) AS name, i % 7 AS few, md5(i::VARCHAR) AS wide
      FROM range(1_000_000) AS t(i) ORDER BY bucket, i`,
    path,
    rowGroupRows: 8_192,
  });
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A store that hands out files with zeros wherever nobody asked for the bytes. */
function farStore(): { readonly store: Pick<ObjectStore, 'localPart'>; readonly fetched: () => number } {
  let copies = 0;
  let fetched = 0;
  return {
    fetched: () => fetched,
    store: {
      localPart: async (_location, choose) => {
        const content = await readFile(path);
        const copy = join(folder, `copy-${copies++}.parquet`);
        await using file = await open(copy, 'w');
        await file.truncate(content.length);
        const take = async ({ from, to }: ByteRange) => {
          fetched += to - from;
          await file.write(content, from, to - from, from);
          return content.subarray(from, to);
        };
        for (const range of await choose({ sizeBytes: content.length, read: take })) await take(range);
        return copy;
      },
    },
  };
}

async function rowsOf(file: string, where: string): Promise<unknown> {
  return await session.query(
    `SELECT count(*) AS n, sum(i) AS i, min(name) AS a, max(name) AS z, sum(few) AS few, bit_xor(hash(wide)) AS wide
     FROM read_parquet(${text(file)}) WHERE ${where}`,
  );
}

it.each([
  [0, 0],
  [7, 7],
  [150, 150],
  [299, 299],
  [40, 60],
  [0, 299],
  [300, 400],
])('rows %i to %i are those of the whole file, whatever else they are asked for', async (first, last) => {
  const { store } = farStore();
  const part = await localRows(store, 'x', { column: 'bucket', first, last });
  for (const also of ['true', "name = 'name 7'", "name = 'nobody'", 'few = 3', 'few = 9']) {
    const where = `${first === last ? `bucket = ${first}` : `bucket BETWEEN ${first} AND ${last}`} AND ${also}`;
    expect(await rowsOf(part, where)).toEqual(await rowsOf(path, where));
  }
});

it('fetches little more than the rows’ share of the file', async () => {
  const { store, fetched } = farStore();
  await localRows(store, 'x', { column: 'bucket', first: 100, last: 100 });
  const { length } = await readFile(path);
  expect(fetched()).toBeLessThan(length / 8);
});

it('fetches everything when nothing says where the rows are', async () => {
  const { store } = farStore();
  const part = await localRows(store, 'x', { column: 'name', first: 1, last: 1 });
  expect(await rowsOf(part, 'true')).toEqual(await rowsOf(path, 'true'));
});
