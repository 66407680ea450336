import fc from 'fast-check';
import type { DataFile, PartitionValue } from '../../lib/iceberg/index.ts';

const id = fc.integer({ min: 1, max: 2_147_483_546 });
const counts = fc.array(fc.tuple(id, fc.nat())).map((entries) => new Map(entries));
const bounds = fc
  .array(
    fc.tuple(
      id,
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Uint8Array.from(bytes)),
    ),
  )
  .map((entries) => new Map(entries));
const partitionValue: fc.Arbitrary<PartitionValue> = fc.oneof(
  fc.constant(null),
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

export const dataFiles: fc.Arbitrary<DataFile> = fc.record(
  {
    content: fc.constantFrom('data', 'position-deletes', 'equality-deletes'),
    location: fc.string().map((name) => `file:///w/${name}`),
    format: fc.constant('parquet'),
    specId: fc.nat(),
    partition: fc.array(partitionValue, { maxLength: 3 }),
    rows: fc.maxSafeNat(),
    sizeBytes: fc.maxSafeNat(),
    columnSizes: counts,
    valueCounts: counts,
    nullCounts: counts,
    nanCounts: counts,
    lowerBounds: bounds,
    upperBounds: bounds,
    splitOffsets: fc.array(fc.maxSafeNat()),
    equalityIds: fc.array(id),
    sortOrderId: fc.nat(),
    referencedDataFile: fc.string(),
  },
  {
    requiredKeys: ['content', 'location', 'format', 'specId', 'partition', 'rows', 'sizeBytes'],
    noNullPrototype: true,
  },
);
