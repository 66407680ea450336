import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptStateError } from '../../lib/errors.ts';
import { compileRead, readLong } from '../../lib/iceberg/avro-decode.ts';
import { AvroBuffer, avroFileWriter } from '../../lib/iceberg/avro-encode.ts';
import { openAvro } from '../../lib/iceberg/avro-file.ts';
import {
  bucketOf,
  dataFileFromJson,
  dataFileToJson,
  singleValueFromBytes,
  singleValueToBytes,
} from '../../lib/iceberg/index.ts';
import { parseJson, stringifyJson } from '../../lib/iceberg/json.ts';
import { murmur3, murmur3Long, murmur3Text } from '../../lib/iceberg/murmur.ts';
import { compareValues } from '../../lib/iceberg/values.ts';
import { dataFiles } from './arbitraries.ts';

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

describe('JSON', () => {
  it('keeps 64-bit integers', () => {
    fc.assert(
      fc.property(long, (value) => {
        const { id } = parseJson(stringifyJson({ id: value })) as { id: number | bigint };
        expect(BigInt(id)).toBe(value);
      }),
    );
  });

  it('leaves fractions and text that looks like numbers alone', () => {
    expect(parseJson('{"a": 1.5e300, "b": "9223372036854775807", "c": 12}')).toEqual({
      a: 1.5e300,
      b: '9223372036854775807',
      c: 12,
    });
  });
});

describe('Avro', () => {
  it('round-trips long integers of every width', () => {
    fc.assert(
      fc.property(fc.oneof(long, fc.integer().map(BigInt)), (value) => {
        const buffer = new AvroBuffer();
        buffer.long(value);
        const cursor = { bytes: Buffer.from(buffer.view()), at: 0 };
        expect(BigInt(readLong(cursor))).toBe(value);
        expect(cursor.at).toBe(buffer.length);
      }),
      { numRuns: 2_000 },
    );
  });

  const record = (name: string, fields: readonly unknown[]) => ({ type: 'record', name, fields });
  const schema = record('r', [
    {
      name: 'skipped',
      'field-id': 1,
      type: { type: 'array', items: record('i', [{ name: 'x', 'field-id': 4, type: 'bytes' }]) },
    },
    { name: 'text', 'field-id': 2, type: ['null', 'string'] },
    { name: 'number', 'field-id': 3, type: 'long' },
  ]);
  const write = (rows: readonly { readonly text: string | null; readonly number: bigint }[]) => {
    const writer = avroFileWriter({ schema, metadata: { a: 'b' }, sync: new Uint8Array(16).fill(7) });
    for (const row of rows) {
      writer.append((out) => {
        out.long(2);
        out.bytes(Uint8Array.of(1, 2));
        out.bytes(new Uint8Array());
        out.long(0);
        out.long(row.text === null ? 0 : 1);
        if (row.text !== null) out.text(row.text);
        out.long(row.number);
      });
    }
    return writer.finish();
  };
  const read = (bytes: Uint8Array) => {
    const file = openAvro(bytes);
    const readRow = compileRead(
      file.schema,
      new Map([
        [2, { key: 'text' }],
        [3, { key: 'number' }],
      ]),
    );
    const rows: unknown[] = [];
    for (const block of file.blocks()) {
      const cursor = { bytes: block.bytes, at: 0 };
      for (let index = 0; index < block.count; index += 1) rows.push(readRow(cursor));
    }
    return rows;
  };
  const rows = fc.array(fc.record({ text: fc.option(fc.string({ unit: 'grapheme' })), number: long }), {
    maxLength: 50,
  });

  it('reads wanted fields and skips the others', () => {
    fc.assert(
      fc.property(rows, (written) => {
        const found = read(write(written)) as { text: string | null; number: number | bigint }[];
        expect(found.map(({ text, number }) => ({ text, number: BigInt(number) }))).toEqual(written);
      }),
    );
  });

  it('refuses a file that was cut short anywhere', () => {
    const whole = write([{ text: 'a', number: 1n }]);
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), (length) => {
        let rowsFound: unknown[] = [];
        try {
          rowsFound = read(whole.slice(0, length));
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptStateError);
        }
        expect(rowsFound).toEqual([]);
      }),
    );
  });
});

describe('single values', () => {
  it.each([
    ['int', fc.integer()],
    ['date', fc.integer()],
    ['long', long],
    ['timestamp', long],
    ['timestamptz', long],
    ['double', fc.double({ noNaN: true })],
    ['string', fc.string({ unit: 'grapheme' })],
    ['boolean', fc.boolean()],
    ['decimal(38,5)', fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
    ['binary', fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('hex'))],
  ] as const)('round-trip as %s', (type, values) => {
    fc.assert(
      fc.property(values as fc.Arbitrary<string>, (value) => {
        expect(singleValueFromBytes(type, singleValueToBytes(type, value))).toEqual(value);
      }),
    );
  });

  it('writes decimals big-endian and as short as they can be, all else little-endian', () => {
    expect([...singleValueToBytes('decimal(9,2)', 1420n)]).toEqual([0x05, 0x8c]);
    expect([...singleValueToBytes('decimal(9,2)', -1n)]).toEqual([0xff]);
    expect([...singleValueToBytes('decimal(9,2)', 128n)]).toEqual([0x00, 0x80]);
    expect([...singleValueToBytes('long', 1n)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('order text as its UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (left, right) => {
        expect(Math.sign(compareValues(left, right))).toBe(
          Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right))),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('bucket', () => {
  it("hashes the specification's examples to its values", () => {
    expect(murmur3Long(34)).toBe(2017239379);
    expect(murmur3Long(34n)).toBe(2017239379);
    expect(murmur3(singleValueToBytes('decimal(9,2)', 1420n))).toBe(-500754589);
    expect(murmur3Long(17486)).toBe(-653330422);
    expect(murmur3Long(81068000000n)).toBe(-662762989);
    expect(murmur3Long(1510871468000000n)).toBe(-2047944441);
    expect(murmur3Text('iceberg')).toBe(1210000089);
    expect(murmur3(Uint8Array.of(0, 1, 2, 3))).toBe(-188683207);
  });

  it('is the same for a number and a bigint, and for text however it is encoded', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(murmur3Long(value)).toBe(murmur3Long(BigInt(value)));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(murmur3Text(value)).toBe(murmur3(Buffer.from(value)));
      }),
    );
  });

  it('puts null nowhere and everything else below N', () => {
    expect(bucketOf(16, 'string', null)).toBeNull();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.string(), (n, value) => {
        const bucket = bucketOf(n, 'string', value);
        expect(bucket).toBeGreaterThanOrEqual(0);
        expect(bucket).toBeLessThan(n);
      }),
    );
  });
});

describe('data files', () => {
  it('survive JSON text', () => {
    fc.assert(
      fc.property(dataFiles, (file) => {
        expect(dataFileFromJson(JSON.parse(JSON.stringify(dataFileToJson(file))))).toEqual(file);
      }),
    );
  });

  it('are refused when the JSON is not one', () => {
    for (const json of [null, [], {}, { content: 'x' }, { content: 'data', location: 1 }])
      expect(() => dataFileFromJson(json)).toThrow(CorruptStateError);
  });
});
