import fc from 'fast-check';
import { expect, test } from 'vitest';
import { glueType } from '../../lib/stores/catalogs/glue-table-input.ts';
import { growingPartSize, partSize } from '../../lib/stores/s3/parts.ts';

const mebibyte = 2 ** 20;
const terabyte = 2 ** 40;

test('an object of any size that S3 takes fits 10,000 parts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5 * terabyte }), (sizeBytes) => {
      const size = partSize(sizeBytes, 8 * mebibyte);
      expect(Math.ceil(sizeBytes / size)).toBeLessThanOrEqual(10_000);
      expect(size).toBeGreaterThanOrEqual(5 * mebibyte);
      expect(size).toBeLessThanOrEqual(5 * 1_024 * mebibyte);
    }),
  );
  let total = 0;
  for (let part = 1; part <= 10_000; part += 1) total += growingPartSize(part, 8 * mebibyte);
  expect(total).toBeGreaterThan(5 * terabyte);
});

test('Glue shows Iceberg types by their Hive names', () => {
  const shown = [
    'boolean',
    'int',
    'long',
    'date',
    'timestamptz',
    'uuid',
    'fixed[16]',
    'decimal(38, 10)',
    { type: 'list', element: { type: 'list', element: 'long' } },
    { type: 'map', key: 'string', value: 'time' },
    {
      type: 'struct',
      fields: [
        { name: 'a', type: 'long' },
        { name: 'b', type: 'binary' },
      ],
    },
  ].map(glueType);
  expect(shown).toEqual([
    'boolean',
    'int',
    'bigint',
    'date',
    'timestamp',
    'string',
    'binary',
    'decimal(38,10)',
    'array<array<bigint>>',
    'map<string,string>',
    'struct<a:bigint,b:binary>',
  ]);
});
