import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PoisonInputError } from '../../lib/errors.ts';
import { type Bench, openBench } from './context.ts';
import { smallCsv, smallHeader, smallPipeline, smallRow } from './small.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench(smallPipeline);
});
afterAll(() => bench[Symbol.asyncDispose]());

const outcome = async (name: string, content: string | Uint8Array) => {
  const prepared = await bench.prepare(await bench.stage(name, content));
  const refused = await bench.quarantine(prepared);
  return { prepared, refused, rows: await bench.rows(prepared) };
};
const refusal = async (name: string, content: string | Uint8Array) => {
  const error = await bench.prepare(await bench.stage(name, content)).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(PoisonInputError);
  return error instanceof Error ? error.message : '';
};
const middle = Buffer.from(`${smallRow(2)}\n`);
const around = (bad: Buffer | string) =>
  Buffer.concat([
    Buffer.from(`${smallHeader}\n${smallRow(1)}\n`),
    Buffer.from(bad),
    Buffer.from('\n'),
    Buffer.from(`${smallRow(3)}\n`),
  ]);

describe('a row fault takes the row, and the rest goes on', () => {
  const cases: readonly [string, Buffer | string, string | null, RegExp][] = [
    ['a NUL', smallRow(2, { name: 'a\0b' }), null, /NUL/],
    ['bytes that are not UTF-8', Buffer.from(smallRow(2, { name: 'caf\xe9' }), 'latin1'), null, /not UTF-8/],
    ['too few fields', '2,2026-01', null, /has 2 fields; the header has 11/],
    ['too many fields', `${smallRow(2)},x`, null, /has 12 fields/],
    ['text after a closing quote', smallRow(2, { name: '"a"b' }), null, /after a closing quote/],
    ['a field over the limit', smallRow(2, { name: 'x'.repeat(70_000) }), null, /longer than 64000 bytes/],
    [
      'a quoted field over the limit',
      smallRow(2, { name: `"${'x\n'.repeat(60_000)}"` }),
      null,
      /longer than 64000 bytes/,
    ],
    ['a NULL key', smallRow(2, { id: '' }), 'id', /is NULL/],
    ['a NULL month', smallRow(2, { month: '' }), 'month', /is NULL/],
    ['a NULL version', smallRow(2, { ver: '' }), 'ver', /is NULL/],
    ['text for a number', smallRow(2, { count: 'three' }), 'count', /not an int/],
    ['a fraction for an integer', smallRow(2, { count: '3.5' }), 'count', /not an int/],
    ['an integer out of range', smallRow(2, { count: '3000000000' }), 'count', /not an int/],
    ['digits grouped by _', smallRow(2, { id: '1_000' }), 'id', /not a bigint/],
    ['NaN', smallRow(2, { amount: 'NaN' }), 'amount', /not a finite number/],
    ['infinity', smallRow(2, { amount: '-inf' }), 'amount', /not a finite number/],
    ['a number beyond double', smallRow(2, { amount: '1e999' }), 'amount', /not a finite number/],
    ['a decimal out of range', smallRow(2, { price: '123456789.5' }), 'price', /not a decimal/],
    ['a day that does not exist', smallRow(2, { opened: '2026-02-30' }), 'opened', /not a date/],
    ['a date beyond year 9999', smallRow(2, { opened: '10000-01-01' }), 'opened', /not a date/],
    ['a date that never ends', smallRow(2, { opened: 'infinity' }), 'opened', /not a date/],
    ['a timestamp that is none', smallRow(2, { seen: '2026-01-31 25:00:00' }), 'seen', /not a timestamp/],
    ['a thirteenth month', smallRow(2, { month: '2026-13' }), 'month', /not a month/],
    ['a month before the accepted ones', smallRow(2, { month: '1999-12' }), 'month', /acceptMonths/],
    ['a month after the accepted ones', smallRow(2, { month: '2100-01' }), 'month', /acceptMonths/],
    ['a flag that is none', smallRow(2, { flag: 'maybe' }), 'flag', /not a boolean/],
  ];
  it.each(cases)('%s', async (_name, bad, column, reason) => {
    const { prepared, refused, rows } = await outcome('rows.csv', around(bad));
    expect(rows.map((row) => row['id'])).toEqual(expect.arrayContaining([1n, 3n]));
    expect([prepared.rowsRead, prepared.rowsAccepted, prepared.rowsQuarantined]).toEqual([3, 2, 1]);
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({ row: 2, column, reason: expect.stringMatching(reason) });
    expect(String(refused[0]?.['file'])).toMatch(/rows\.csv$/);
    expect(String(refused[0]?.['raw']).length).toBeGreaterThan(0);
  });

  it('in JSON lines: what is no object, no text or no JSON', async () => {
    const good = (id: number) => JSON.stringify({ id, month: '2026-01', ver: 1 });
    const lines = [
      good(1),
      '{"id":2,',
      '[1]',
      '"x"',
      'null',
      `${good(6)} x`,
      '{"id":7,"month":"2026-01","ver":1,"name":"a\\u0000b"}',
      good(8),
    ];
    const content = Buffer.concat([
      Buffer.from(`${lines.join('\n')}\n`),
      Buffer.from('{"id":9,"name":"\xff"}\n', 'latin1'),
      Buffer.from(good(10)),
    ]);
    const { prepared, refused, rows } = await outcome('rows.jsonl', content);
    expect(rows.map((row) => row['id']).sort()).toEqual([1n, 10n, 8n]);
    expect(refused.map((row) => row['row']).sort()).toEqual([2, 3, 4, 5, 6, 7, 9]);
    expect(prepared.rowsRead).toBe(10);
  });
});

describe('a file fault refuses the file', () => {
  const zipped = gzipSync(smallCsv(smallRow(1), smallRow(2)));
  const cases: readonly [string, string, string | Uint8Array, RegExp][] = [
    ['an empty file', 'a.csv', '', /empty/],
    ['an empty gzip', 'a.csv.gz', gzipSync(''), /no record/],
    ['only blank lines', 'a.csv', '\n\n', /no record/],
    ['UTF-16', 'a.csv', Buffer.from(`\ufeff${smallCsv(smallRow(1))}`, 'utf16le'), /UTF-16/],
    ['a truncated gzip', 'a.csv.gz', zipped.subarray(0, zipped.length - 12), /gzip stream is broken/],
    [
      'a wrong gzip checksum',
      'a.csv.gz',
      Buffer.concat([zipped.subarray(0, -8), Buffer.alloc(4), zipped.subarray(-4)]),
      /gzip stream is broken/,
    ],
    [
      'bytes after a gzip',
      'a.csv.gz',
      Buffer.concat([zipped, Buffer.from('garbage')]),
      /gzip stream is broken|7 bytes follow/,
    ],
    ['zeros after a gzip', 'a.csv.gz', Buffer.concat([zipped, Buffer.alloc(512)]), /follow the end|broken/],
    [
      'a quote that is never closed',
      'a.csv',
      smallCsv(smallRow(1), smallRow(2, { name: '"open' }), smallRow(3)),
      /not closed/,
    ],
    [
      'a missing key column',
      'a.csv',
      'month,ver\n2026-01,1\n',
      /required columns are missing: id, del; the file has month, ver/,
    ],
    [
      'a missing delete code column',
      'a.csv',
      'id,month,ver\n1,2026-01,1\n',
      /required columns are missing: del/,
    ],
    [
      'a column that is there twice',
      'a.csv',
      'id,id,month,ver,del\n1,1,2026-01,1,\n',
      /column id occurs 2 times/,
    ],
    [
      'more columns than allowed',
      'a.csv',
      `${Array.from({ length: 51 }, (_, at) => `c${at}`).join(',')}\n`,
      /51 columns; allowed: 50/,
    ],
    ['a header with a NUL', 'a.csv', 'id,mo\0nth\n', /header is not a CSV record/],
    ['text under the name of Parquet', 'a.parquet', smallCsv(smallRow(1)), /not Parquet/],
  ];
  it.each(cases)('%s', async (_name, file, content, message) => {
    expect(await refusal(file, content)).toMatch(message);
  });
});

describe('what is unusual and right is read', () => {
  it('a byte order mark, CRLF, a missing last line end, blank lines and quoted line ends', async () => {
    const text = `\ufeff${smallHeader}\r\n${smallRow(1, { name: '"a,\r\n""b"""' })}\r\n\r\n${smallRow(2, { name: 'it"s' })}`;
    const { prepared, rows } = await outcome('a.csv', text);
    expect(prepared.rowsQuarantined).toBe(0);
    expect(rows.map((row) => row['name']).sort()).toEqual(['a,\r\n"b"', 'it"s']);
  });

  it('a header and no row', async () => {
    const { prepared } = await outcome('a.csv', `${smallHeader}\n`);
    expect(prepared).toMatchObject({
      status: 'accepted',
      rowsRead: 0,
      rowsAccepted: 0,
      rowsLocation: undefined,
      cells: [],
    });
  });

  it('gzip in several members, and zstd', async () => {
    const members = Buffer.concat([gzipSync(smallCsv(smallRow(1))), gzipSync(`${smallRow(2)}\n`)]);
    expect((await outcome('a.csv.gz', members)).prepared.rowsAccepted).toBe(2);
    expect((await outcome('a.csv.zst', zstdCompressSync(smallCsv(smallRow(1))))).prepared.rowsAccepted).toBe(
      1,
    );
  });

  it('columns in another order, more of them, fewer of them', async () => {
    const { prepared, rows } = await outcome('a.csv', 'extra,DEL,ver,month,id\nx,,1,202601,7\n');
    expect(rows).toMatchObject([{ id: 7n, month: '2026-01', name: null, amount: null }]);
    expect(prepared.droppedColumns).toEqual(['extra']);
    expect(prepared.missingColumns).toEqual(['name', 'amount', 'price', 'opened', 'seen', 'count', 'flag']);
  });

  it('a record that spans many chunks, and a million-byte file without line ends is one refused record', async () => {
    const { rows } = await outcome(
      'a.csv',
      smallCsv(smallRow(1, { name: `"${'y\n'.repeat(30_000)}"` }), middle.toString().trim()),
    );
    expect(rows.map((row) => String(row['name']).length).sort()).toEqual([1, 60_000]);
    const { refused } = await outcome('b.jsonl', 'x'.repeat(1_000_000));
    expect(refused).toMatchObject([{ row: 1, reason: expect.stringMatching(/longer than/) }]);
    expect(String(refused[0]?.['raw']).length).toBeLessThan(5_000);
  });

  it('sentinels, early dates and blanks are NULL', async () => {
    const { rows } = await outcome(
      'a.csv',
      smallCsv(
        smallRow(1, { count: '-1', opened: '0001-01-01', amount: '""', name: '""' }),
        smallRow(2, { count: 'N/A', opened: '0000-00-00', price: ' ' }),
      ),
    );
    expect(
      rows.map(({ id, count, opened, amount, price, name }) => ({ id, count, opened, amount, price, name })),
    ).toEqual(
      expect.arrayContaining([
        { id: 1n, count: null, opened: null, amount: null, price: '2.25', name: '' },
        { id: 2n, count: null, opened: null, amount: 1.5, price: null, name: 'n' },
      ]),
    );
  });

  it('offsets become UTC, months come in five spellings', async () => {
    const months = ['2026-03', '202603', '2026-03-31', '20260331', '2026-03-31 23:00:00'];
    const { rows } = await outcome(
      'a.csv',
      smallCsv(...months.map((month, at) => smallRow(at, { month, seen: '2026-01-01T01:30:00+02:00' }))),
    );
    expect(new Set(rows.map((row) => `${row['month']} ${row['month_no']} ${row['seen']}`))).toEqual(
      new Set([`2026-03 ${2026 * 12 + 3} 2025-12-31 23:30:00`]),
    );
    expect(rows).toHaveLength(5);
  });
});
