import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WrittenColumn, WrittenFile } from '../../lib/engine/engine.ts';
import { lowerText, upperText } from '../../lib/iceberg/bounds.ts';
import {
  dataFileFromWritten,
  type Field,
  type PartitionSpec,
  singleValueFromBytes,
} from '../../lib/iceberg/index.ts';
import { valueFromText } from '../../lib/iceberg/text-values.ts';
import { compareValues } from '../../lib/iceberg/values.ts';

const spec: PartitionSpec = { specId: 3, fields: [] };
const list = { type: 'list', elementId: 20, element: 'long', elementRequired: false } as const;
const nested = { type: 'struct', fields: [{ id: 21, name: 'x.y', required: false, type: 'int' }] } as const;
const fields: readonly Field[] = [
  { id: 1, name: 'a.b', required: true, type: 'string' },
  { id: 2, name: 'l', required: false, type: list },
  { id: 3, name: 's', required: false, type: nested },
  { id: 4, name: 'd', required: false, type: 'double' },
];
const column = (change: Partial<WrittenColumn>): WrittenColumn => ({
  min: undefined,
  max: undefined,
  nullCount: 0,
  valueCount: 5,
  sizeBytes: 9,
  hasNan: undefined,
  ...change,
});
const written = (columns: Readonly<Record<string, WrittenColumn>>): WrittenFile => ({
  path: '/x',
  rows: 5,
  sizeBytes: 99,
  columns,
  partition: {},
});
const describeFile = (columns: Readonly<Record<string, WrittenColumn>>) =>
  dataFileFromWritten({
    written: written(columns),
    schema: { schemaId: 0, fields },
    spec,
    partition: [],
    location: 'file:/w/x',
  });

describe('a written file in a manifest', () => {
  it('has its statistics under field ids, names with dots included', () => {
    const file = describeFile({
      'a.b': column({ min: 'a', max: 'b' }),
      's.x.y': column({ min: '-3', max: '7', nullCount: 2 }),
    });
    expect(file).toMatchObject({
      location: 'file:///w/x',
      rows: 5,
      sizeBytes: 99,
      specId: 3,
      format: 'parquet',
    });
    expect(file.nullCounts).toEqual(
      new Map([
        [1, 0],
        [21, 2],
      ]),
    );
    expect(singleValueFromBytes('int', file.lowerBounds?.get(21) ?? new Uint8Array())).toBe(-3);
  });

  it('has no bounds and counts below lists, and none for doubles with NaN', () => {
    const file = describeFile({
      'l.element': column({ min: '1', max: '2' }),
      d: column({ min: '1', max: '2', hasNan: true }),
    });
    expect(file.lowerBounds?.size).toBe(0);
    expect(file.upperBounds?.size).toBe(0);
    expect(file.valueCounts).toEqual(new Map([[4, 5]]));
    expect(file.columnSizes).toEqual(
      new Map([
        [20, 9],
        [4, 9],
      ]),
    );
  });

  it('has bounds around zero that hold for both of its signs', () => {
    const file = describeFile({ d: column({ min: '0.0', max: '-0.0' }) });
    expect(singleValueFromBytes('double', file.lowerBounds?.get(4) ?? new Uint8Array())).toBe(-0);
    expect(singleValueFromBytes('double', file.upperBounds?.get(4) ?? new Uint8Array())).toBe(0);
  });

  it('never cuts the path bounds of position deletes', () => {
    const path = `file:///${'long/'.repeat(30)}x.parquet`;
    const file = dataFileFromWritten({
      written: written({ file_path: column({ min: path, max: path }), pos: column({ min: '0', max: '4' }) }),
      schema: { schemaId: 0, fields },
      spec,
      partition: [],
      location: 'file:///d',
      content: 'position-deletes',
      referencedDataFile: path,
    });
    expect(singleValueFromBytes('string', file.upperBounds?.get(2147483546) ?? new Uint8Array())).toBe(path);
    expect(singleValueFromBytes('long', file.upperBounds?.get(2147483545) ?? new Uint8Array())).toBe(4n);
    expect(file.referencedDataFile).toBe(path);
  });
});

describe('text bounds', () => {
  const anyText = fc.string({
    unit: fc.oneof(
      fc.constantFrom('\u{10ffff}', '\ud7ff', '\ue000', 'a'),
      fc.string({ unit: 'grapheme', maxLength: 1 }),
    ),
    maxLength: 40,
  });

  it('enclose the text and are well formed', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const lower = lowerText(text);
        const upper = upperText(text);
        expect(compareValues(lower, text)).toBeLessThanOrEqual(0);
        expect([...lower].length).toBeLessThanOrEqual(16);
        if (upper === undefined) return;
        expect(compareValues(upper, text)).toBeGreaterThanOrEqual(0);
        expect([...upper].length).toBeLessThanOrEqual(16);
        expect(upper.isWellFormed()).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('skip surrogates and give up where nothing is greater', () => {
    expect(upperText(`${'a'.repeat(15)}\ud7ffx`)).toBe(`${'a'.repeat(15)}\ue000`);
    expect(upperText(`${'a'.repeat(15)}\u{10ffff}x`)).toBe(`${'a'.repeat(14)}b`);
    expect(upperText('\u{10ffff}'.repeat(17))).toBeUndefined();
    expect(upperText('\u{10ffff}'.repeat(16))).toBe('\u{10ffff}'.repeat(16));
  });
});

describe("an engine's text", () => {
  it.each([
    ['date', '1970-01-02', 1],
    ['date', '0001-01-01', -719162],
    ['date', '0001-12-31 (BC)', -719163],
    ['date', 'infinity', undefined],
    ['timestamp', '1969-12-31 23:59:59.5', -500000n],
    ['timestamptz', '2020-01-01 00:00:00.123456+00', 1577836800123456n],
    ['timestamptz', '2020-01-01 01:00:00+01', 1577836800000000n],
    ['decimal(9,2)', '-5.25', -525n],
    ['decimal(9,2)', '.5', 50n],
    ['decimal(9,2)', '1.239', undefined],
    ['decimal(38,0)', '99999999999999999999999999999999999999', 99999999999999999999999999999999999999n],
    ['double', 'nan', undefined],
    ['double', '-inf', Number.NEGATIVE_INFINITY],
    ['boolean', '1', true],
    ['binary', 'AA00', 'aa00'],
    ['time', '12:34:56.789', 45296789000n],
  ] as const)('as %s: %s', (type, text, value) => {
    expect(valueFromText(type, text)).toBe(value);
  });
});
