import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession, FieldIdTree } from '../../lib/engine/engine.ts';
import type { Schema } from '../../lib/iceberg/types.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { Location, ObjectStore } from '../../lib/stores/ports.ts';
import { fetchByPlaces, type OpenFiles, openFiles, scan } from '../../lib/summary/files/reading.ts';
import type { FileSpec } from '../../lib/summary/types.ts';

/** Sixty files of ten rows, values 0 to 599, with arrays; in all but every fifth file rows 0, 3, 6 and 9 are deleted. */
const count = 60;
const arrays = Array.from({ length: 8 }, (_, index) => `a${index}`);
const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'n', type: 'long', required: false },
    ...arrays.map((name, index) => ({
      id: 2 + 2 * index,
      name,
      type: { type: 'list', elementId: 3 + 2 * index, element: 'long', elementRequired: false } as const,
      required: false,
    })),
  ],
};

let folder: string;
let session: EngineSession;
let store: ObjectStore;
let set: OpenFiles;

beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/partwise-reading-`);
  session = await openDuckDb({ memoryBytes: 160e6, threads: 2, workFolder: `${folder}/session` });
  store = await openDirectoryStore({ path: `${folder}/root` });
  const files: FileSpec[] = [];
  for (let index = 0; index < count; index += 1) {
    const lists = arrays.map((name) => `range(36)::BIGINT[] AS ${name}`);
    const rows = `SELECT ${index} * 10 + range AS n, ${lists.join(', ')} FROM range(10)`;
    const location = await write(store, `d${index}`, rows, fieldIds(schema));
    const dead = `SELECT '${location}' AS file_path, range * 3 AS pos FROM range(4)`;
    const deletes =
      index % 5 === 0
        ? []
        : [{ location: await write(store, `x${index}`, dead), specId: 0, partition: [], rows: 4 }];
    files.push({ location, specId: 0, partition: [], month: index, rows: 10, sizeBytes: 1, deletes });
  }
  set = await openFiles({ session, store, name: 'pw_t', schema, files });
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function write(
  store: ObjectStore,
  name: string,
  select: string,
  fields?: FieldIdTree,
): Promise<Location> {
  const path = `${session.workFolder}/${name}.parquet`;
  await session.writeParquet({
    select,
    path,
    rowGroupRows: 4_096,
    ...(fields === undefined ? {} : { fieldIds: fields }),
  });
  const location = joinLocation(store.root, `${name}.parquet`);
  await store.adopt(path, location);
  return location;
}

const scanned = async (options: Parameters<typeof scan>[1]) => {
  const rows = await session.query(`SELECT * FROM ${scan(set, options)} AS s ORDER BY n`);
  return rows.map((row) => [row['n'], row['pw_file'], row['pw_pos'], row['pw_month']].map(Number));
};
const row = (n: number) => [n, Math.floor(n / 10), n % 10, Math.floor(n / 10)];

test('deleted rows of many small files are left out within the memory of one small unit', async () => {
  const live = Array.from({ length: count * 10 }, (_, n) => n).filter(
    (n) => Math.floor(n / 10) % 5 === 0 || (n % 10) % 3 !== 0,
  );
  expect(await scanned({})).toEqual(live.map(row));
});

test('single rows of many small files are fetched within the memory of one small unit', async () => {
  await session.execute(
    'CREATE TEMP TABLE w AS SELECT range::INTEGER AS pw_file, (range % 10)::BIGINT AS pw_pos FROM range(60)',
  );
  const wanted = Array.from({ length: count }, (_, file) => row(file * 10 + (file % 10)));
  expect(await scanned({ wanted: 'w' })).toEqual(wanted);
});

test('most rows of a large file are fetched within less memory than they take', async () => {
  const rows = 60_000;
  const lists = arrays.map((name) => `list_transform(range(36), i -> i * range)::BIGINT[] AS ${name}`);
  const location = await write(
    store,
    'large',
    `SELECT range AS n, ${lists.join(', ')} FROM range(${rows})`,
    fieldIds(schema),
  );
  const file = { location, specId: 0, partition: [], month: 0, rows, sizeBytes: 1, deletes: [] };
  const large = await openFiles({ session, store, name: 'pw_l', schema, files: [file] });
  await session.execute(
    `CREATE TEMP TABLE pw_most AS SELECT 0::INTEGER AS pw_file, range AS pw_pos, range + 7 AS k FROM range(${rows - 1})`,
  );
  const source = `${scan(large, { wanted: 'pw_most' })} AS s JOIN pw_most AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`;
  await fetchByPlaces(
    session,
    `CREATE TEMP TABLE pw_fetched AS SELECT w.k, ${arrays.join(', ')} FROM ${source}`,
  );
  const [found] = await session.query(
    'SELECT count(*) AS n, min(k) AS low, max(k) AS high, bool_and(a7[3] = 2 * (k - 7)) AS own FROM pw_fetched',
  );
  expect(found).toEqual({ n: BigInt(rows - 1), low: 7n, high: BigInt(rows + 5), own: true });
});

test('few files, and none, are scanned the same way', async () => {
  const files = set.files.slice(1, 4);
  const expected = [1, 2, 3].flatMap((file) =>
    [1, 2, 4, 5, 7, 8].map((position) => row(file * 10 + position)),
  );
  expect(await scanned({ files })).toEqual(expected);
  expect(await scanned({ files: [] })).toEqual([]);
});
