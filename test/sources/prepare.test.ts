import { createHash } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceChangedError } from '../../lib/errors.ts';
import { sourceUnit } from '../../lib/run/sources/item.ts';
import { parseSummary } from '../support/pipelines.ts';
import { type Bench, openBench } from './context.ts';
import { smallCsv, smallPipeline, smallRow } from './small.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench(smallPipeline);
});
afterAll(() => bench[Symbol.asyncDispose]());

describe('prepared rows', () => {
  it('are sorted by bucket, key and month, the same each time', async () => {
    const rows = Array.from({ length: 5_000 }, (_, at) =>
      smallRow((at * 7919) % 1_000, { month: `202${at % 6}-0${1 + (at % 9)}`, ver: String(at) }),
    );
    const first = await bench.prepare(await bench.stage('a.csv', smallCsv(...rows)));
    const second = await bench.prepare(await bench.stage('b.csv', smallCsv(...rows)));
    const [a, b] = [await bench.rows(first), await bench.rows(second)];
    expect(a).toEqual(b);
    const order = (row: (typeof a)[number]) =>
      [row['bucket'], row['id'], row['month_no'], row['ver']]
        .map((part) => String(part).padStart(9, '0'))
        .join();
    expect(a.map(order)).toEqual(a.map(order).sort());
    const counted = first.cells.reduce((sum, [, , n]) => sum + n, 0);
    expect([counted, first.rowsAccepted]).toEqual([5_000, 5_000]);
  });

  it('are the same when prepared again, whose files stand already', async () => {
    const item = await bench.stage('again.csv', smallCsv(smallRow(1), 'bad'));
    expect(await bench.prepare(item)).toEqual(await bench.prepare(item));
  });

  it('lose only rows that are equal in every column', async () => {
    const prepared = await bench.prepare(
      await bench.stage(
        'a.csv',
        smallCsv(
          smallRow(1),
          smallRow(1),
          smallRow(1),
          smallRow(1, { name: 'other' }),
          smallRow(1, { del: '1' }),
          smallRow(1, { ver: '2' }),
        ),
      ),
    );
    expect([prepared.rowsRead, prepared.rowsAccepted, prepared.rowsDuplicate]).toEqual([6, 4, 2]);
    expect(prepared.cells).toEqual([[2026 * 12 + 1, expect.any(Number), 4, 1]]);
  });

  it('tell NULL from empty text in the record hash, and split text nowhere', async () => {
    const prepared = await bench.prepare(
      await bench.stage(
        'a.jsonl',
        [{ name: '' }, { name: null }, { name: '1:', del: 'a' }, { name: '1', del: ':a' }]
          .map((row) => JSON.stringify({ id: 1, month: '2026-01', ver: 1, ...row }))
          .join('\n'),
      ),
    );
    expect(new Set((await bench.rows(prepared)).map((row) => row['rec_hash'])).size).toBe(4);
  });

  it('carry the hash that the documentation says', async () => {
    const yaml =
      "{pipeline: h, kind: summary, key: k, month: m, version: v, history: [{name: d}], columns: [{name: k, type: string}, {name: m, type: month}, {name: v, type: timestamp}, {name: d, type: double}, {name: t, type: date}, {name: p, type: 'decimal(6,2)'}, {name: b, type: boolean}]}";
    await using own = await openBench(yaml);
    const [row] = await own.rows(
      await own.prepare(
        await own.stage(
          'a.jsonl',
          JSON.stringify({ k: 'é', m: '2026-01', v: '1970-01-01T00:00:01', d: -0.5, p: '7', b: true }),
        ),
      ),
    );
    const parts = ['é', '2026-01', '1000000', '0,0,-4503599627370496,0', undefined, '7.00', 'true'];
    const canonical = parts
      .map((part) => (part === undefined ? '-' : `${Buffer.byteLength(part)}:${part}`))
      .join('');
    expect(row?.['rec_hash']).toBe(createHash('md5').update(canonical).digest().readBigInt64LE(0));
  });

  it('are bucketed as Iceberg buckets them', async () => {
    const hashes: readonly [string, string, number][] = [
      ['bigint', '34', 2017239379],
      ['int', '34', 2017239379],
      ['string', 'iceberg', 1210000089],
    ];
    for (const [type, key, hash] of hashes) {
      const config = await parseSummary(
        `{pipeline: b, kind: summary, key: k, month: m, version: v, history: [{name: v}], tables: {buckets: 65536}, columns: [{name: k, type: ${type}}, {name: m, type: month}, {name: v, type: int}]}`,
        'b.yaml',
      );
      await using own = await openBench(config);
      const [row] = await own.rows(await own.prepare(await own.stage('a.csv', `k,m,v\n${key},2026-01,1\n`)));
      expect(row?.['bucket']).toBe((hash & 0x7fffffff) % 65_536);
    }
  });
});

describe('transformations and derived columns', () => {
  const yaml = smallPipeline.replace(
    'key: id',
    `transformations:
  - { column: name, sql: upper(trim(name)) }
  - { column: name, sql: "CASE WHEN name = '' THEN '999' ELSE name END" }
  - { column: count, sql: count * 1000000 }
derived:
  - { name: size, type: int, sql: length(name) }
  - { name: double_size, type: bigint, sql: size * 2 }
  - { name: ratio, type: double, sql: amount / count }
key: id`,
  );

  it('are applied in order, each seeing the ones before', async () => {
    await using own = await openBench(yaml);
    const rows = await own.rows(
      await own.prepare(
        await own.stage('a.csv', smallCsv(smallRow(1, { name: ' ab ' }), smallRow(2, { name: '" "' }))),
      ),
    );
    expect(
      rows.map(({ name, size, double_size, count, ratio }) => ({ name, size, double_size, count, ratio })),
    ).toEqual(
      expect.arrayContaining([
        { name: 'AB', size: 2, double_size: 4n, count: 3_000_000, ratio: 5e-7 },
        { name: '999', size: 3, double_size: 6n, count: 3_000_000, ratio: 5e-7 },
      ]),
    );
  });

  it('fail for a row, not for the file', async () => {
    await using own = await openBench(yaml);
    const prepared = await own.prepare(
      await own.stage(
        'a.csv',
        smallCsv(smallRow(1), smallRow(2, { count: '2000000000' }), smallRow(3, { count: '0' })),
      ),
    );
    expect(await own.quarantine(prepared)).toMatchObject([
      { row: 2, column: 'count', reason: 'its expression fails' },
    ]);
    expect((await own.rows(prepared)).find((row) => row['id'] === 3n)).toMatchObject({ ratio: null });
  });
});

describe('the deletions feed', () => {
  const yaml = `${smallPipeline}deletions: { key: acct, date: closed, code: why, version: load, overrides: opened }\n`;

  it('has a shape of its own; its month is the month of its date', async () => {
    await using own = await openBench(yaml);
    const text =
      'acct,closed,why,load,x\n7,2026-03-31,4,9,\n7,2026-03-31,4,9,\n8,2026-04-01,,1,\n9,,4,1,\n,2026-01-01,4,1,\n10,1999-12-31,4,1,\n11,0001-01-01,4,1,\n';
    const prepared = await own.prepare(await own.stage('d.csv', text, 'deletions'));
    const rows = await own.rows(prepared);
    expect(rows.map((row) => Object.keys(row))[0]).toEqual([
      'bucket',
      'month_no',
      'key',
      'date',
      'code',
      'version',
      'hash',
      'is_delete',
    ]);
    expect(rows.map(({ is_delete }) => is_delete)).toEqual([true, false]);
    expect(
      rows.map(({ key, month_no, date, code, version }) => ({ key, month_no, date, code, version })),
    ).toEqual(
      expect.arrayContaining([
        { key: 7n, month_no: 2026 * 12 + 3, date: '2026-03-31', code: '4', version: 9n },
        { key: 8n, month_no: 2026 * 12 + 4, date: '2026-04-01', code: null, version: 1n },
      ]),
    );
    expect([prepared.rowsAccepted, prepared.rowsDuplicate, prepared.rowsQuarantined]).toEqual([2, 1, 4]);
    expect((await own.quarantine(prepared)).map(({ row, column }) => [row, column])).toEqual([
      [4, 'closed'],
      [5, 'acct'],
      [6, 'closed'],
      [7, 'closed'],
    ]);
    expect(prepared.droppedColumns).toEqual(['x']);
  });
});

describe('a source object', () => {
  it('overwritten after it was claimed is not used', async () => {
    const item = await bench.stage('changed.csv', smallCsv(smallRow(1)));
    await appendFile(fileURLToPath(item.location), smallRow(2));
    await expect(bench.prepare(item)).rejects.toThrow(SourceChangedError);
  });

  it('has a unit of its own per version', () => {
    expect(sourceUnit({ location: 'file:///a', version: '1' })).not.toBe(
      sourceUnit({ location: 'file:///a', version: '2' }),
    );
    expect(sourceUnit({ location: 'file:///a', version: '1' })).toMatch(/^[0-9a-f]{24}$/);
  });

  it('without a header takes the configured columns in order', async () => {
    await using own = await openBench(
      smallPipeline.replace(
        'key: id',
        'source: { csv: { header: false, delimiter: "|", quote: "\'", nullValues: ["", "NULL"] } }\nkey: id',
      ),
    );
    const prepared = await own.prepare(
      await own.stage(
        'a.txt',
        `${smallRow(1, { name: "'a|''b'", amount: 'NULL' }).replaceAll(/,/g, '|')}\n1|2\n`,
      ),
    );
    expect(await own.rows(prepared)).toMatchObject([{ id: 1n, name: "a|'b", amount: null, count: 3 }]);
    expect(prepared.rowsQuarantined).toBe(1);
  });
});
