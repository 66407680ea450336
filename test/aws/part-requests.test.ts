import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { text } from '../../lib/engine/sql.ts';
import { localRows, preparedGroupRows } from '../../lib/run/row-groups.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import { openFaultProxy } from './faults.ts';
import { openTestStore } from './world.ts';

it.each([
  ['a large prepared file', 400_000, ['GET', 'GET']],
  ['a small one, which the first answer has all of', 20_000, ['GET']],
])('of %s a unit asks for what it ends in, and for its row groups', async (_what, rows, requests) => {
  await using proxy = await openFaultProxy(inject('endpoints').s3);
  await using opened = await openTestStore({ endpoint: proxy.url });
  const { store, folder } = opened;
  await using session = await openDuckDb({
    memoryBytes: 256e6,
    threads: 1,
    workFolder: join(folder, 'engine'),
  });
  const path = join(folder, 'rows.parquet');
  // Few distinct texts make dictionaries with Bloom filters; the last column makes the file large.
  await session.writeParquet({
    select: `SELECT CAST(hash(i) % 40 AS INTEGER) AS bucket, i, 'name ' || (i % 50) AS name, md5(i::VARCHAR) AS wide
      FROM range(${rows}) AS t(i) ORDER BY bucket, i`,
    path,
    rowGroupRows: preparedGroupRows,
  });
  const found = async (file: string) =>
    await session.query(
      `SELECT count(*) AS n, sum(i) AS i, bit_xor(hash(name, wide)) AS hash FROM read_parquet(${text(file)}) WHERE bucket = 3 AND name <> 'name 7'`,
    );
  const wanted = await found(path);
  const location = joinLocation(store.root, 'rows.parquet');
  await store.adopt(path, location);
  const before = proxy.seen.length;
  const part = await localRows(store, location, { column: 'bucket', first: 3, last: 3 });
  expect(proxy.seen.slice(before)).toEqual(requests);
  expect(await found(part)).toEqual(wanted);
});
