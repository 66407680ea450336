import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { UnitTooLargeError } from '../../lib/errors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/partwise-duckdb-`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open = (name: string) =>
  openDuckDb({ memoryBytes: 2 ** 28, threads: 1, workFolder: `${folder}/${name}` });

test('the bucket hash gives the values of the Iceberg specification', async () => {
  await using session = await open('hash');
  const [row] = await session.query(
    "SELECT pw_murmur3_long(34) AS n, pw_murmur3_text('iceberg') AS t, pw_bucket_long(NULL::BIGINT, 16) AS missing",
  );
  expect(row).toEqual({ n: 2017239379, t: 1210000089, missing: null });
});

test('a text is hashed by all of its bytes, whatever its length', async () => {
  await using session = await open('lengths');
  const rows = await session.query("SELECT pw_bucket_text(repeat('é', i::INT), 97) AS b FROM range(20) t(i)");
  expect(new Set(rows.map((row) => row['b'])).size).toBeGreaterThan(10);
});

test('a written file comes with its count, size and statistics', async () => {
  await using session = await open('write');
  const files = await session.writeParquet({
    select: "SELECT i AS id, ['a', NULL] AS l, i % 2 AS p FROM range(10) t(i)",
    path: `${session.workFolder}/out`,
    fieldIds: { id: 1, l: { id: 2, children: { element: 3 } } },
    partitionBy: ['p'],
  });
  expect(files.map((file) => [file.rows, file.partition])).toEqual([
    [5, { p: '0' }],
    [5, { p: '1' }],
  ]);
  expect(files[1]?.columns['id']).toMatchObject({ min: '1', max: '9', nullCount: 0 });
  expect(files[0]?.columns['l.element']).toMatchObject({ nullCount: 5, valueCount: 10 });
});

test('the work folder goes with the session', async () => {
  {
    await using session = await open('gone');
    await session.execute('CREATE TABLE t AS SELECT 1');
  }
  expect(await readdir(folder)).not.toContain('gone');
});

test('values arrive as plain JavaScript', async () => {
  await using session = await open('values');
  const [row] = await session.query(
    "SELECT 1::BIGINT AS big, 1.50::DECIMAL(9,2) AS amount, [1, NULL] AS list, DATE '2020-02-03' AS day, TIMESTAMP '2020-02-03 04:05:06.789' AS at, {'x': 1} AS pair",
  );
  expect(row).toEqual({
    big: 1n,
    amount: '1.50',
    list: [1, null],
    day: '2020-02-03',
    at: '2020-02-03 04:05:06.789',
    pair: { x: 1 },
  });
});

test('running out of memory is a named error that the planner can act on', async () => {
  await using session = await openDuckDb({ memoryBytes: 2 ** 26, threads: 1, workFolder: `${folder}/small` });
  await session.execute("SET max_temp_directory_size = '1MB'");
  await expect(
    session.query(
      "SELECT sum(length(l::VARCHAR)) FROM (SELECT list(repeat('x', 1000) || i) AS l FROM range(1000000) t(i))",
    ),
  ).rejects.toThrow(UnitTooLargeError);
});

test('a session that is closed under a running statement ends that statement first', async () => {
  const session = await open('closing');
  const endless = session.query('SELECT count(*) FROM range(100000000000) a(i) WHERE hash(i) = 1');
  const outcome = endless.then(
    () => 'ended',
    (error: unknown) => String(error),
  );
  await session[Symbol.asyncDispose]();
  expect(await outcome).toMatch(/interrupt/i);
});

test('a text that starts with a byte-order mark is hashed with it', async () => {
  await using session = await open('mark');
  const [row] = await session.query(
    "SELECT pw_murmur3_text(chr(65279) || 'a') = pw_murmur3_text('a') AS same",
  );
  expect(row).toEqual({ same: false });
});
