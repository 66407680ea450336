import { CorruptStateError, UnsupportedFeatureError } from '../errors.ts';
import type { Location } from '../stores/ports.ts';
import { parseJson, stringifyJson } from './json.ts';
import {
  asArray,
  asInt,
  asLong,
  asObject,
  asString,
  asTextMap,
  type JsonObject,
  optional,
  otherKeys,
} from './json-read.ts';
import { schemaFromJson, schemaToJson } from './schema.ts';
import type { Snapshot, SnapshotRef, SortOrder, TableMetadata } from './table-metadata.ts';
import type { PartitionField, PartitionSpec } from './types.ts';

/** metadata.json, https://iceberg.apache.org/spec/#table-metadata-and-snapshots. Unknown keys survive a round trip. */

const tableKeys = new Set([
  'format-version',
  'table-uuid',
  'location',
  'last-sequence-number',
  'last-updated-ms',
  'last-column-id',
  'schemas',
  'schema',
  'current-schema-id',
  'partition-specs',
  'partition-spec',
  'default-spec-id',
  'last-partition-id',
  'sort-orders',
  'default-sort-order-id',
  'properties',
  'current-snapshot-id',
  'snapshots',
  'snapshot-log',
  'metadata-log',
  'refs',
]);
const snapshotKeys = new Set([
  'snapshot-id',
  'parent-snapshot-id',
  'sequence-number',
  'timestamp-ms',
  'manifest-list',
  'summary',
  'schema-id',
]);

/** @throws CorruptStateError, UnsupportedFeatureError (any format version but 2) */
export function parseMetadata(text: string, location: Location): TableMetadata {
  let json: JsonObject;
  try {
    json = asObject(parseJson(text), 'metadata');
  } catch (cause) {
    throw new CorruptStateError(`${location} is not a table's metadata`, { cause, details: { location } });
  }
  const formatVersion = asInt(json['format-version'], 'format-version');
  if (formatVersion !== 2) {
    throw new UnsupportedFeatureError(
      `${location}: table format v${formatVersion} is not supported, only v2`,
      { details: { location, formatVersion } },
    );
  }
  const currentSnapshotId = currentId(json);
  const refs = refsFromJson(json['refs']);
  return {
    formatVersion,
    tableUuid: asString(json['table-uuid'], 'table-uuid'),
    location: asString(json['location'], 'location'),
    lastSequenceNumber: asLong(json['last-sequence-number'], 'last-sequence-number'),
    lastUpdatedMs: asInt(json['last-updated-ms'], 'last-updated-ms'),
    lastColumnId: asInt(json['last-column-id'], 'last-column-id'),
    schemas: asArray(json['schemas'], 'schemas').map((item, index) =>
      schemaFromJson(item, `schemas[${index}]`),
    ),
    currentSchemaId: asInt(json['current-schema-id'], 'current-schema-id'),
    specs: asArray(json['partition-specs'], 'partition-specs').map(specFromJson),
    defaultSpecId: asInt(json['default-spec-id'], 'default-spec-id'),
    lastPartitionId: asInt(json['last-partition-id'], 'last-partition-id'),
    sortOrders: asArray(json['sort-orders'] ?? [], 'sort-orders').map(sortOrderFromJson),
    defaultSortOrderId: optional(json['default-sort-order-id'], 'default-sort-order-id', asInt) ?? 0,
    properties: optional(json['properties'], 'properties', asTextMap) ?? {},
    snapshots: asArray(json['snapshots'] ?? [], 'snapshots').map(snapshotFromJson),
    snapshotLog: asArray(json['snapshot-log'] ?? [], 'snapshot-log').map((item) => {
      const entry = asObject(item, 'snapshot-log');
      return {
        snapshotId: asLong(entry['snapshot-id'], 'snapshot-log.snapshot-id'),
        timestampMs: asInt(entry['timestamp-ms'], 'snapshot-log.timestamp-ms'),
      };
    }),
    metadataLog: asArray(json['metadata-log'] ?? [], 'metadata-log').map((item) => {
      const entry = asObject(item, 'metadata-log');
      return {
        location: asString(entry['metadata-file'], 'metadata-log.metadata-file'),
        timestampMs: asInt(entry['timestamp-ms'], 'metadata-log.timestamp-ms'),
      };
    }),
    refs:
      currentSnapshotId === undefined || refs['main'] !== undefined
        ? refs
        : { ...refs, main: { type: 'branch', snapshotId: currentSnapshotId } },
    extra: otherKeys(json, tableKeys),
  };
}

/** Writers of format v1 habit say "no snapshot" with -1. */
function currentId(json: JsonObject): bigint | undefined {
  const id = optional(json['current-snapshot-id'], 'current-snapshot-id', asLong);
  return id === undefined || id === -1n ? undefined : id;
}

function refsFromJson(json: unknown): Record<string, SnapshotRef> {
  const refs = asObject(json ?? {}, 'refs');
  return Object.fromEntries(
    Object.entries(refs).map(([name, item]) => {
      const ref = asObject(item, `refs.${name}`);
      const keep = optional(ref['min-snapshots-to-keep'], 'min-snapshots-to-keep', asInt);
      const age = optional(ref['max-snapshot-age-ms'], 'max-snapshot-age-ms', asInt);
      const refAge = optional(ref['max-ref-age-ms'], 'max-ref-age-ms', asInt);
      const type = ref['type'];
      if (type !== 'branch' && type !== 'tag')
        throw new CorruptStateError(`refs.${name}: unknown type ${String(type)}`);
      return [
        name,
        {
          type,
          snapshotId: asLong(ref['snapshot-id'], `refs.${name}.snapshot-id`),
          ...(keep === undefined ? {} : { minSnapshotsToKeep: keep }),
          ...(age === undefined ? {} : { maxSnapshotAgeMs: age }),
          ...(refAge === undefined ? {} : { maxRefAgeMs: refAge }),
        },
      ];
    }),
  );
}

function snapshotFromJson(json: unknown, index: number): Snapshot {
  const path = `snapshots[${index}]`;
  const object = asObject(json, path);
  if (object['manifest-list'] === undefined)
    throw new UnsupportedFeatureError(`${path} has no manifest list (format v1)`);
  return {
    snapshotId: asLong(object['snapshot-id'], `${path}.snapshot-id`),
    parentSnapshotId: optional(object['parent-snapshot-id'], `${path}.parent-snapshot-id`, asLong),
    sequenceNumber: optional(object['sequence-number'], `${path}.sequence-number`, asLong) ?? 0n,
    timestampMs: asInt(object['timestamp-ms'], `${path}.timestamp-ms`),
    manifestList: asString(object['manifest-list'], `${path}.manifest-list`),
    summary: optional(object['summary'], `${path}.summary`, asTextMap) ?? {},
    schemaId: optional(object['schema-id'], `${path}.schema-id`, asInt),
    extra: otherKeys(object, snapshotKeys),
  };
}

function specFromJson(json: unknown, index: number): PartitionSpec {
  const object = asObject(json, `partition-specs[${index}]`);
  return {
    specId: asInt(object['spec-id'], 'spec-id'),
    fields: asArray(object['fields'], 'fields').map(
      (item): PartitionField => partitionFieldFromJson(item, `partition-specs[${index}]`),
    ),
  };
}

export function partitionFieldFromJson(json: unknown, path: string): PartitionField {
  const field = asObject(json, path);
  return {
    sourceId: asInt(field['source-id'], `${path}.source-id`),
    fieldId: asInt(field['field-id'], `${path}.field-id`),
    name: asString(field['name'], `${path}.name`),
    transform: asString(field['transform'], `${path}.transform`),
  };
}

export function partitionFieldToJson(field: PartitionField): unknown {
  return {
    'source-id': field.sourceId,
    'field-id': field.fieldId,
    name: field.name,
    transform: field.transform,
  };
}

function sortOrderFromJson(json: unknown, index: number): SortOrder {
  const path = `sort-orders[${index}]`;
  const object = asObject(json, path);
  return {
    orderId: asInt(object['order-id'], `${path}.order-id`),
    fields: asArray(object['fields'], `${path}.fields`).map((item) => {
      const field = asObject(item, path);
      return {
        sourceId: asInt(field['source-id'], `${path}.source-id`),
        transform: asString(field['transform'], `${path}.transform`),
        direction: field['direction'] === 'desc' ? 'desc' : 'asc',
        nullOrder: field['null-order'] === 'nulls-last' ? 'nulls-last' : 'nulls-first',
      };
    }),
  };
}

export function formatMetadata(metadata: TableMetadata): string {
  return stringifyJson({
    'format-version': metadata.formatVersion,
    'table-uuid': metadata.tableUuid,
    location: metadata.location,
    'last-sequence-number': metadata.lastSequenceNumber,
    'last-updated-ms': metadata.lastUpdatedMs,
    'last-column-id': metadata.lastColumnId,
    'current-schema-id': metadata.currentSchemaId,
    schemas: metadata.schemas.map(schemaToJson),
    'default-spec-id': metadata.defaultSpecId,
    'partition-specs': metadata.specs.map((spec) => ({
      'spec-id': spec.specId,
      fields: spec.fields.map(partitionFieldToJson),
    })),
    'last-partition-id': metadata.lastPartitionId,
    'default-sort-order-id': metadata.defaultSortOrderId,
    'sort-orders': metadata.sortOrders.map((order) => ({
      'order-id': order.orderId,
      fields: order.fields.map((field) => ({
        transform: field.transform,
        'source-id': field.sourceId,
        direction: field.direction,
        'null-order': field.nullOrder,
      })),
    })),
    properties: metadata.properties,
    'current-snapshot-id': metadata.refs['main']?.snapshotId ?? -1,
    refs: Object.fromEntries(Object.entries(metadata.refs).map(([name, ref]) => [name, refToJson(ref)])),
    snapshots: metadata.snapshots.map(snapshotToJson),
    'snapshot-log': metadata.snapshotLog.map((entry) => ({
      'timestamp-ms': entry.timestampMs,
      'snapshot-id': entry.snapshotId,
    })),
    'metadata-log': metadata.metadataLog.map((entry) => ({
      'timestamp-ms': entry.timestampMs,
      'metadata-file': entry.location,
    })),
    ...metadata.extra,
  });
}

function refToJson(ref: SnapshotRef): unknown {
  return {
    'snapshot-id': ref.snapshotId,
    type: ref.type,
    'min-snapshots-to-keep': ref.minSnapshotsToKeep,
    'max-snapshot-age-ms': ref.maxSnapshotAgeMs,
    'max-ref-age-ms': ref.maxRefAgeMs,
  };
}

function snapshotToJson(snapshot: Snapshot): unknown {
  return {
    'sequence-number': snapshot.sequenceNumber,
    'snapshot-id': snapshot.snapshotId,
    'parent-snapshot-id': snapshot.parentSnapshotId,
    'timestamp-ms': snapshot.timestampMs,
    summary: snapshot.summary,
    'manifest-list': snapshot.manifestList,
    'schema-id': snapshot.schemaId,
    ...snapshot.extra,
  };
}
