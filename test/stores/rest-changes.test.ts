import { describe, expect, it } from 'vitest';
import { type MetadataJson, tableChanges } from '../../lib/stores/catalogs/rest-changes.ts';

const base: MetadataJson = {
  'format-version': 2,
  'table-uuid': 'u',
  location: 's3://b/t',
  'last-column-id': 2,
  'last-partition-id': 1001,
  schemas: [{ 'schema-id': 0 }],
  'current-schema-id': 0,
  'partition-specs': [{ 'spec-id': 0 }],
  'default-spec-id': 0,
  'sort-orders': [{ 'order-id': 0 }],
  'default-sort-order-id': 0,
};
const both: MetadataJson = {
  ...base,
  'last-partition-id': 1002,
  'partition-specs': [{ 'spec-id': 0 }, { 'spec-id': 1 }],
  'default-spec-id': 1,
};

describe('a change of the default partition spec', () => {
  it('adds a new spec and makes it the default', () => {
    expect(tableChanges(base, both).updates).toEqual([
      { action: 'add-spec', spec: { 'spec-id': 1 } },
      { action: 'set-default-spec', 'spec-id': -1 },
    ]);
  });

  it('names a spec that the table has had before', () => {
    expect(tableChanges(both, { ...both, 'default-spec-id': 0 }).updates).toEqual([
      { action: 'set-default-spec', 'spec-id': 0 },
    ]);
  });
});
