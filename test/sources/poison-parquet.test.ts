import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PoisonInputError } from '../../lib/errors.ts';
import { pagesOf, parsePageHeader } from '../../lib/run/sources/parquet-pages.ts';
import { contentVersion } from '../../lib/run/sources/version.ts';
import type { IntakeItem } from '../../lib/stores/ports.ts';
import { prepareApart } from './apart.ts';
import { type Bench, openBench } from './context.ts';
import { smallPipeline } from './small.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench(smallPipeline);
});
afterAll(() => bench[Symbol.asyncDispose]());

const good = (rows = 100) =>
  `SELECT range::BIGINT id, '2026-01' AS month, 1::BIGINT ver, 'n' || range AS name, range::DOUBLE amount, NULL::VARCHAR del FROM range(${rows})`;
const parquet = (sql: string, options = '') =>
  bench.stageSql('a.parquet', `COPY (${sql}) TO $path (FORMAT parquet${options})`);
const refusal = async (item: IntakeItem) => {
  const error = await bench.prepare(item).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(PoisonInputError);
  return error instanceof Error ? error.message : '';
};
/** The same file with its bytes changed, arriving as what it is now. */
const damaged = async (item: IntakeItem, change: (bytes: Buffer) => Uint8Array) => {
  const path = fileURLToPath(item.location);
  await writeFile(path, change(await readFile(path)));
  return { ...item, version: await contentVersion(path), sizeBytes: (await readFile(path)).length };
};

describe('a Parquet file that cannot be trusted is refused as a whole', () => {
  it('truncated anywhere', async () => {
    for (const part of [0.1, 0.5, 0.99]) {
      const item = await damaged(await parquet(good()), (bytes) =>
        bytes.subarray(0, Math.floor(bytes.length * part)),
      );
      expect(await refusal(item)).toMatch(/truncated/);
    }
    expect(await refusal(await bench.stage('a.parquet', 'PAR1'))).toMatch(/truncated/);
  });

  it('bytes after its end', async () => {
    expect(
      await refusal(
        await damaged(await parquet(good()), (bytes) => Buffer.concat([bytes, Buffer.from('x')])),
      ),
    ).toMatch(/after its end/);
  });

  it('a footer that claims more than the file', async () => {
    const item = await damaged(await parquet(good()), (bytes) => {
      bytes.writeUInt32LE(0x7fffffff, bytes.length - 8);
      return bytes;
    });
    expect(await refusal(item)).toMatch(/footer claims 2147483647 bytes/);
  });

  it('a footer of noise', async () => {
    const item = await damaged(await parquet(good()), (bytes) => {
      const length = bytes.readUInt32LE(bytes.length - 8);
      return Buffer.from(bytes).fill(0xfb, bytes.length - 8 - length, bytes.length - 8);
    });
    expect(await refusal(item)).toMatch(/cannot be read/);
  });

  it('a corrupt data page', async () => {
    const item = await damaged(await parquet(good(20_000), ', COMPRESSION zstd'), (bytes) =>
      Buffer.from(bytes).fill(0xa5, 4, 500),
    );
    expect(await refusal(item)).toMatch(/cannot be read|claims/);
  });

  it('a corrupt data page, without naming the copy that the engine read', async () => {
    const item = await damaged(await parquet(good(20_000), ', COMPRESSION snappy'), (bytes) =>
      Buffer.from(bytes).fill(0xa5, 1_000, 1_400),
    );
    const reason = await refusal(item);
    expect(reason).toMatch(/cannot be read: .*decompress/i);
    expect(reason).not.toMatch(/\/source/);
  });

  it('a page that claims 2 GB', async () => {
    const item = await damaged(await parquet(good(), ', COMPRESSION uncompressed'), (bytes) =>
      inflateFirstPage(bytes),
    );
    expect(await refusal(item)).toMatch(/a page of column id claims \d+ bytes; allowed: 256000000/);
  });

  it('more columns, row groups or bytes than allowed', async () => {
    const columns = Array.from({ length: 60 }, (_, at) => `1 AS c${at}`).join(', ');
    expect(await refusal(await parquet(`SELECT ${columns}`))).toMatch(/60 columns; allowed: 50/);
    expect(await refusal(await parquet(good(300_000), ', ROW_GROUP_SIZE 2048'))).toMatch(
      /row groups; allowed: 100/,
    );
  });

  it('100,000 columns, in bounded memory', async () => {
    const item = await bench.stage('wide.parquet', footerOnly({ columns: 100_000, rows: 0 }));
    const { message, peakMb } = await prepareApart(item);
    expect(message).toMatch(/100000 columns; allowed: 50/);
    expect(peakMb).toBeLessThan(600);
  });

  it('rows that no row group has, and more rows than its size can hold', async () => {
    expect(await refusal(await bench.stage('a.parquet', footerOnly({ columns: 1, rows: 5 })))).toMatch(
      /claims 5 rows, its row groups 0/,
    );
    expect(await refusal(await bench.stage('a.parquet', footerOnly({ columns: 1, rows: 2 ** 40 })))).toMatch(
      /claims 1099511627776 rows; allowed/,
    );
  });

  it('a page whose bytes do not have its checksum', async () => {
    const path = join(bench.folder, 'page');
    const data = Buffer.from('twelve bytes');
    const head = (checksum: number) =>
      Buffer.concat([
        Buffer.from([0x15, 0x00, 0x15, 24, 0x15, 24, 0x15]),
        varint(zigzag(checksum | 0)),
        Buffer.from([0x00]),
      ]);
    const intact = async (checksum: number) => {
      const bytes = Buffer.concat([head(checksum), data]);
      await writeFile(path, bytes);
      await using file = await open(path);
      const pages = [];
      for await (const page of pagesOf(file, 0, bytes.length)) pages.push(page.intact);
      return pages;
    };
    expect(await intact(crc32(data))).toEqual([true]);
    expect(await intact(crc32(data) ^ 1)).toEqual([false]);
  });

  it('a list where a number belongs, and a missing key', async () => {
    expect(
      await refusal(await parquet("SELECT [1] AS id, '2026-01' AS month, 1 AS ver, NULL::VARCHAR AS del")),
    ).toMatch(/column id: the file has INTEGER\[\]; expected bigint/);
    expect(await refusal(await parquet('SELECT 1 AS ver'))).toMatch(
      /required columns are missing: id, month, del/,
    );
  });
});

describe('what is right is read', () => {
  it('any row groups, and none', async () => {
    for (const options of [
      ', ROW_GROUP_SIZE 2048',
      ', ROW_GROUP_SIZE 1000000',
      ', COMPRESSION gzip',
      ', PARQUET_VERSION v2',
    ]) {
      const prepared = await bench.prepare(await parquet(good(20_000), options));
      expect([prepared.rowsAccepted, prepared.rowsQuarantined]).toEqual([20_000, 0]);
    }
    const none = await bench.prepare(await parquet(good(0)));
    expect(none).toMatchObject({ rowsRead: 0, rowsAccepted: 0, rowsLocation: undefined });
  });

  it('row faults name the row and show it whole', async () => {
    const prepared = await bench.prepare(
      await parquet(
        `SELECT * FROM (VALUES (1::BIGINT, '2026-01', 1, 1.0::DOUBLE, 'a', 'x'), (NULL, '2026-01', 1, 1.0, 'b', 'x'), (3, '2026-01', 1, 'nan'::DOUBLE, 'c', 'x'), (4, '2026-01', 1, 'inf'::DOUBLE, 'd', 'x'), (5, '2026-01', 1, 2.0, 'e' || chr(0), 'x')) t(id, month, ver, amount, name, other), (SELECT NULL::VARCHAR AS del)`,
      ),
    );
    const refused = await bench.quarantine(prepared);
    expect(refused.map(({ row, column, reason }) => [row, column, reason])).toEqual([
      [2, 'id', 'is NULL'],
      [3, 'amount', 'not a finite number'],
      [4, 'amount', 'not a finite number'],
      [5, 'name', expect.stringMatching(/NUL/)],
    ]);
    expect(JSON.parse(String(refused[0]?.['raw']))).toMatchObject({ id: null, name: 'b', other: 'x' });
    expect(prepared.rowsAccepted).toBe(1);
  });

  it('text without a text annotation, and dates, decimals and integers of other widths', async () => {
    const prepared = await bench.prepare(
      await parquet(
        "SELECT 1::UTINYINT AS id, DATE '2026-01-31' AS month, 1::HUGEINT AS ver, encode('é') AS name, 1.25::DECIMAL(5,2) AS amount, 2.5::FLOAT AS price, TIMESTAMP '2020-02-29 10:00' AS opened, TIMESTAMPTZ '2026-01-01 01:00:00+02' AS seen, 3.0::DOUBLE AS count, true AS flag, NULL::VARCHAR AS del",
      ),
    );
    expect(await bench.rows(prepared)).toMatchObject([
      {
        id: 1n,
        month: '2026-01',
        ver: 1n,
        name: 'é',
        amount: 1.25,
        price: '2.50',
        opened: '2020-02-29',
        seen: '2025-12-31 23:00:00',
        count: 3,
        flag: true,
      },
    ]);
  });
});

/** Sets the uncompressed size in the first page header to 2 GB; the header grows, so later offsets are wrong too. */
function inflateFirstPage(bytes: Buffer): Buffer {
  const claim = parsePageHeader(bytes.subarray(4));
  expect(claim).toBeDefined();
  // type, then field 2 (i32): 0x15 and a zigzag varint.
  const at = bytes.indexOf(0x15, 6) + 1;
  let end = at;
  while ((bytes[end] ?? 0) >= 128) end += 1;
  const huge = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]);
  return Buffer.concat([bytes.subarray(0, at), huge, bytes.subarray(end + 1)]);
}

/** A Parquet file that is nothing but a footer (Thrift compact protocol), for claims that no writer would make. */
function footerOnly({ columns, rows }: { readonly columns: number; readonly rows: number }): Buffer {
  const element = (name: string) =>
    Buffer.concat([
      Buffer.from([0x15, 0x02, 0x25, 0x02, 0x18]),
      varint(name.length),
      Buffer.from(name),
      Buffer.from([0]),
    ]);
  const root = Buffer.concat([
    Buffer.from([0x48, 1]),
    Buffer.from('r'),
    Buffer.from([0x15]),
    varint(zigzag(columns)),
    Buffer.from([0]),
  ]);
  const schema = Buffer.concat([
    Buffer.from([0xfc]),
    varint(columns + 1),
    root,
    ...Array.from({ length: columns }, (_, at) => element(`c${at}`)),
  ]);
  const footer = Buffer.concat([
    Buffer.from([0x15, 0x02, 0x19]),
    schema,
    Buffer.from([0x16]),
    varint(rows * 2),
    Buffer.from([0x19, 0x0c, 0]),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), footer, length, Buffer.from('PAR1')]);
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function varint(value: number): Buffer {
  const bytes = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
