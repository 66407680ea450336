import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlRow } from '../../lib/engine/engine.ts';
import { identifier, text } from '../../lib/engine/sql.ts';
import { parseSummary } from '../support/pipelines.ts';
import { type Bench, openBench } from './context.ts';
import { smallPipeline } from './small.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench(smallPipeline);
});
afterAll(() => bench[Symbol.asyncDispose]());

const isoDate = fc
  .date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const record = fc.record({
  id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  month: fc
    .tuple(fc.integer({ min: 2000, max: 2099 }), fc.integer({ min: 1, max: 12 }))
    .map(([year, month]) => `${year}-${String(month).padStart(2, '0')}`),
  ver: fc.bigInt({ min: 0n, max: 2n ** 62n }).map(String),
  name: fc.option(
    fc
      .oneof(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', "'", '\\', ' ', 'a', '\t') }),
      )
      .filter((value) => !value.includes('\0') && !value.startsWith('\ufeff')),
  ),
  amount: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  price: fc.option(
    fc.integer({ min: -99_999_999, max: 99_999_999 }).map((cents) => (cents / 100).toFixed(2)),
  ),
  opened: fc.option(isoDate.map((iso) => iso.slice(0, 10))),
  seen: fc.option(isoDate.map((iso) => iso.slice(0, 23))),
  count: fc.option(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
  flag: fc.option(fc.boolean()),
  del: fc.option(fc.constantFrom('1', '4', '7')),
});
type Row = Readonly<Record<string, string | number | boolean | null>>;

const csvField = (value: Row[string]) =>
  value === null ? '' : typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value);
const asCsv = (rows: readonly Row[]) =>
  [
    Object.keys(rows[0] ?? {}).join(','),
    ...rows.map((row) => Object.values(row).map(csvField).join(',')),
  ].join('\r\n');
const asLines = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).join('\n');
const types: Readonly<Record<string, string>> = {
  id: 'BIGINT',
  ver: 'BIGINT',
  amount: 'DOUBLE',
  price: 'DECIMAL(10,2)',
  opened: 'DATE',
  seen: 'TIMESTAMP',
  count: 'INTEGER',
  flag: 'BOOLEAN',
};
const asParquet = (rows: readonly Row[]) => {
  const value = (name: string, cell: Row[string] | undefined) =>
    `CAST(${cell === null || cell === undefined ? 'NULL' : text(String(cell))} AS ${Object.hasOwn(types, name) ? types[name] : 'VARCHAR'}) AS ${identifier(name)}`;
  return `COPY (${rows
    .map(
      (row) =>
        `SELECT ${Object.entries(row)
          .map(([name, cell]) => value(name, cell))
          .join(', ')}`,
    )
    .join(' UNION ALL ')}) TO $path (FORMAT parquet)`;
};

describe('the same records give the same prepared rows', () => {
  it('as CSV, gzipped CSV, JSON lines and Parquet', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (rows) => {
        const staged = [
          await bench.stage('a.csv', asCsv(rows)),
          await bench.stage('a.csv.gz', gzipSync(asCsv(rows))),
          await bench.stage('a.jsonl', asLines(rows)),
          await bench.stageSql('a.parquet', asParquet(rows)),
        ];
        const results: (readonly SqlRow[])[] = [];
        for (const item of staged) {
          const prepared = await bench.prepare(item);
          expect(await bench.quarantine(prepared)).toEqual([]);
          results.push(await bench.rows(prepared));
        }
        for (const result of results.slice(1)) expect(result).toEqual(results[0]);
        const names = new Set(rows.map((row) => row.name));
        for (const row of results[0] ?? []) expect(names).toContain(row['name']);
      }),
      { numRuns: 15 },
    );
  });
});

describe('names and values are data', () => {
  const hostile = fc.oneof(
    fc.constantFrom(
      'a"b',
      "a'b",
      'a`b',
      'a;b',
      'a--b',
      'x"); DROP TABLE checked; --',
      "'||(SELECT 1)||'",
      'a\\b',
      '$' + '{x}',
      '{"',
      '/',
      '~',
      'a/b~c',
      '*.csv',
      '[a]',
      'ü',
      '🙂',
      ' ',
      '%2F',
      '..',
      'pw_row',
      's0',
      'c0',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  );
  // The driver drops a byte order mark from the start of a text that it hands to JavaScript.
  const usable = hostile.filter(
    (name) =>
      !/[\0\r\n]/.test(name) &&
      name.isWellFormed() &&
      !name.startsWith('\ufeff') &&
      !['id', 'month', 'ver', 'del'].includes(name.toLowerCase()),
  );

  it('any name of a source column, in every format', async () => {
    await fc.assert(
      fc.asyncProperty(usable, usable, async (column, value) => {
        const config = await parseSummary(
          smallPipeline.replace('name: name, type', `name: name, from: ${JSON.stringify(column)}, type`),
          'names.yaml',
        );
        await using own = await openBench(config);
        const row = { id: '1', month: '2026-01', ver: '1', del: null, [column]: value };
        for (const item of [
          await own.stage(
            'a.csv',
            asCsv([row]).replace(
              /^[^\r]*/,
              Object.keys(row)
                .map((name) => csvField(name))
                .join(','),
            ),
          ),
          await own.stage('a.jsonl', asLines([row])),
          await own.stageSql('a.parquet', asParquet([row])),
        ]) {
          const prepared = await own.prepare(item);
          expect(await own.rows(prepared)).toMatchObject([{ id: 1n, name: value }]);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('any sentinel, delete code and NULL text', async () => {
    await fc.assert(
      fc.asyncProperty(usable, async (value) => {
        const yaml = smallPipeline
          .replace(
            '{ name: name, type: string }',
            `{ name: name, type: string, sentinels: [${JSON.stringify(value.trim())}] }`,
          )
          .replace('delete: { column: del }', `delete: { column: del, codes: [${JSON.stringify(value)}] }`);
        await using own = await openBench(yaml);
        const prepared = await own.prepare(
          await own.stage(
            'a.jsonl',
            asLines([{ id: '1', month: '2026-01', ver: '1', name: value, del: value }]),
          ),
        );
        expect(await own.rows(prepared)).toMatchObject([{ name: null, is_delete: true }]);
      }),
      { numRuns: 25 },
    );
  });

  it('any name of a file', async () => {
    await bench.stage('decoy1.csv', 'id,month,ver,del\n99,2026-01,1,\n');
    for (const name of [
      '*.csv',
      'decoy[1].csv',
      'a?.csv',
      "a'b.csv",
      'a"b.csv',
      'a;b.csv',
      'a\nb.csv',
      'month=2026/x.csv',
      '%2e%2e.csv',
      'ü🙂.csv',
      `${'n'.repeat(240)}.csv`,
    ]) {
      const prepared = await bench.prepare(await bench.stage(name, 'id,month,ver,del\n5,2026-01,1,\n'));
      expect(await bench.rows(prepared)).toMatchObject([{ id: 5n }]);
      expect(prepared.droppedColumns).toEqual([]);
    }
  });
});
