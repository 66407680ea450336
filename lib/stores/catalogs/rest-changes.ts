/**
 * The difference of two metadata files as the REST protocol's requirements and updates: the server applies the updates to
 * what it has if the requirements hold, and writes a metadata file of its own.
 */

export interface TableChanges {
  readonly requirements: readonly Record<string, unknown>[];
  readonly updates: readonly Record<string, unknown>[];
  /** Snapshots that the change brings. */
  readonly snapshotIds: readonly (number | bigint)[];
}

/** A metadata file as JSON, 64-bit integers as bigint: https://iceberg.apache.org/spec/#table-metadata-fields. */
export interface MetadataJson {
  readonly 'format-version': number;
  readonly 'table-uuid': string;
  readonly location: string;
  readonly 'last-column-id': number;
  readonly 'last-partition-id': number;
  readonly schemas: readonly { readonly 'schema-id': number }[];
  readonly 'current-schema-id': number;
  readonly 'partition-specs': readonly { readonly 'spec-id': number }[];
  readonly 'default-spec-id': number;
  readonly 'sort-orders': readonly { readonly 'order-id': number }[];
  readonly 'default-sort-order-id': number;
  readonly snapshots?: readonly { readonly 'snapshot-id': number | bigint }[];
  readonly refs?: Readonly<Record<string, RefJson>>;
  readonly properties?: Readonly<Record<string, string>>;
}

interface RefJson {
  readonly 'snapshot-id': number | bigint;
  readonly [setting: string]: unknown;
}

/** The id that means "the one that was just added". */
const lastAdded = -1;

/** What turns `base` (undefined: no table) into `next`. */
export function tableChanges(base: MetadataJson | undefined, next: MetadataJson): TableChanges {
  const newSnapshots = added(base?.snapshots, next.snapshots, 'snapshot-id');
  const goneSnapshots = added(next.snapshots, base?.snapshots, 'snapshot-id');
  return {
    requirements: requirements(base, next),
    updates: [
      ...identity(base, next),
      ...structure(base, next),
      ...newSnapshots.map((snapshot) => ({ action: 'add-snapshot', snapshot })),
      ...refs(base, next),
      ...(goneSnapshots.length === 0
        ? []
        : [{ action: 'remove-snapshots', 'snapshot-ids': goneSnapshots.map((one) => one['snapshot-id']) }]),
      ...properties(base, next),
    ],
    snapshotIds: newSnapshots.map((snapshot) => snapshot['snapshot-id']),
  };
}

/**
 * Every branch and tag must be where it was, not only the moved ones: a new snapshot's sequence number and totals stand on
 * all of them. Properties of other writers are merged by the server.
 */
function requirements(base: MetadataJson | undefined, next: MetadataJson): Record<string, unknown>[] {
  if (base === undefined) return [{ type: 'assert-create' }];
  const names = new Set([...Object.keys(base.refs ?? {}), ...Object.keys(next.refs ?? {})]);
  return [
    { type: 'assert-table-uuid', uuid: base['table-uuid'] },
    ...[...names].map((ref) => ({
      type: 'assert-ref-snapshot-id',
      ref,
      'snapshot-id': base.refs?.[ref]?.['snapshot-id'] ?? null,
    })),
    { type: 'assert-current-schema-id', 'current-schema-id': base['current-schema-id'] },
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': base['last-column-id'] },
    { type: 'assert-default-spec-id', 'default-spec-id': base['default-spec-id'] },
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': base['last-partition-id'] },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': base['default-sort-order-id'] },
  ];
}

function identity(base: MetadataJson | undefined, next: MetadataJson): Record<string, unknown>[] {
  const location =
    base?.location === next.location ? [] : [{ action: 'set-location', location: next.location }];
  if (base !== undefined) return location;
  return [
    { action: 'assign-uuid', uuid: next['table-uuid'] },
    { action: 'upgrade-format-version', 'format-version': next['format-version'] },
    ...location,
  ];
}

function structure(base: MetadataJson | undefined, next: MetadataJson): Record<string, unknown>[] {
  const updates: Record<string, unknown>[] = [];
  for (const schema of added(base?.schemas, next.schemas, 'schema-id'))
    updates.push({ action: 'add-schema', schema, 'last-column-id': next['last-column-id'] });
  if (base?.['current-schema-id'] !== next['current-schema-id'])
    updates.push({ action: 'set-current-schema', 'schema-id': lastAdded });
  const newSpecs = added(base?.['partition-specs'], next['partition-specs'], 'spec-id');
  for (const spec of newSpecs) updates.push({ action: 'add-spec', spec });
  // A spec that the table had before can be the default again.
  const specId = newSpecs.length > 0 ? lastAdded : next['default-spec-id'];
  if (base?.['default-spec-id'] !== next['default-spec-id'])
    updates.push({ action: 'set-default-spec', 'spec-id': specId });
  for (const order of added(base?.['sort-orders'], next['sort-orders'], 'order-id'))
    updates.push({ action: 'add-sort-order', 'sort-order': order });
  if (base?.['default-sort-order-id'] !== next['default-sort-order-id'])
    updates.push({ action: 'set-default-sort-order', 'sort-order-id': lastAdded });
  return updates;
}

function refs(base: MetadataJson | undefined, next: MetadataJson): Record<string, unknown>[] {
  const before = base?.refs ?? {};
  const after = next.refs ?? {};
  const same = (left: RefJson | undefined, right: RefJson) =>
    left !== undefined &&
    [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => left[key] === right[key]);
  return [
    ...Object.entries(after)
      .filter(([name, ref]) => !same(before[name], ref))
      .map(([name, ref]) => ({ action: 'set-snapshot-ref', 'ref-name': name, ...ref })),
    ...Object.keys(before)
      .filter((name) => after[name] === undefined)
      .map((name) => ({ action: 'remove-snapshot-ref', 'ref-name': name })),
  ];
}

function properties(base: MetadataJson | undefined, next: MetadataJson): Record<string, unknown>[] {
  const before = base?.properties ?? {};
  const after = next.properties ?? {};
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  const removals = Object.keys(before).filter((key) => after[key] === undefined);
  return [
    ...(set.length === 0 ? [] : [{ action: 'set-properties', updates: Object.fromEntries(set) }]),
    ...(removals.length === 0 ? [] : [{ action: 'remove-properties', removals }]),
  ];
}

/** Those of `after` whose id is not in `before`. */
function added<K extends string, T extends { readonly [key in K]: number | bigint }>(
  before: readonly T[] | undefined,
  after: readonly T[] | undefined,
  id: K,
): readonly T[] {
  // Of one id one side may be a number and the other a bigint.
  const known = new Set((before ?? []).map((one) => String(one[id])));
  return (after ?? []).filter((one) => !known.has(String(one[id])));
}
