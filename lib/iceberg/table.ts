import {
  CommitConflictError,
  ConfigError,
  CorruptStateError,
  ObjectNotFoundError,
  TableAlreadyExistsError,
  TableNotFoundError,
} from '../errors.ts';
import { joinLocation } from '../stores/location.ts';
import type { CatalogPointer, Clock, Location, ObjectStore } from '../stores/ports.ts';
import { formatMetadata, parseMetadata } from './metadata-json.ts';
import { type Random, systemRandom, uuid } from './random.ts';
import { highestFieldId, typeById } from './schema.ts';
import type { StagedCommit } from './staged.ts';
import type { Snapshot, SortField, Table, TableMetadata } from './table-metadata.ts';
import { transformResultType } from './transforms.ts';
import type { Field, PartitionField, PartitionSpec, Schema, TableIdentifier } from './types.ts';

export interface CreateTableOptions {
  readonly store: ObjectStore;
  readonly identifier: TableIdentifier;
  readonly location: Location;
  readonly fields: readonly Field[];
  /** Ids from 1000 on. */
  readonly partitionFields: readonly PartitionField[];
  readonly sortOrder?: readonly SortField[];
  readonly identifierFieldIds?: readonly number[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random?: Random;
}

/** Writes the first metadata file only, which nothing refers to; commit the result with `commitStaged`, also several at once. */
export async function prepareCreateTable(options: CreateTableOptions): Promise<StagedCommit> {
  const { store, identifier, fields, partitionFields } = options;
  const random = options.random ?? systemRandom;
  const schema: Schema = {
    schemaId: 0,
    fields,
    ...(options.identifierFieldIds === undefined ? {} : { identifierFieldIds: options.identifierFieldIds }),
  };
  for (const field of partitionFields) {
    const source = typeById(schema, field.sourceId);
    if (source === undefined)
      throw new ConfigError(`partition field ${field.name} has no source column ${field.sourceId}`);
    transformResultType(field.transform, source);
  }
  const sorted = options.sortOrder !== undefined && options.sortOrder.length > 0;
  const metadata: TableMetadata = {
    formatVersion: 2,
    tableUuid: uuid(random),
    location: options.location.replace(/\/+$/, ''),
    lastSequenceNumber: 0n,
    lastUpdatedMs: options.clock.now(),
    lastColumnId: highestFieldId({ type: 'struct', fields }),
    schemas: [schema],
    currentSchemaId: 0,
    specs: [{ specId: 0, fields: partitionFields }],
    defaultSpecId: 0,
    lastPartitionId: partitionFields.reduce((highest, field) => Math.max(highest, field.fieldId), 999),
    sortOrders: sorted ? [{ orderId: 1, fields: options.sortOrder }] : [{ orderId: 0, fields: [] }],
    defaultSortOrderId: sorted ? 1 : 0,
    properties: options.properties ?? {},
    snapshots: [],
    snapshotLog: [],
    metadataLog: [],
    refs: {},
    extra: {},
  };
  const metadataLocation = joinLocation(metadata.location, 'metadata', `00000-${uuid(random)}.metadata.json`);
  await store.write(metadataLocation, new TextEncoder().encode(formatMetadata(metadata)));
  return {
    swap: { identifier, expected: undefined, next: metadataLocation },
    snapshotId: undefined,
    metadata,
    table: { identifier, metadataLocation, metadata },
  };
}

/** @throws TableAlreadyExistsError */
export async function createTable(
  options: CreateTableOptions & { readonly catalog: CatalogPointer },
): Promise<Table> {
  const { catalog, identifier } = options;
  const exists = () =>
    new TableAlreadyExistsError(`table ${identifier.namespace}.${identifier.name} exists already`, {
      details: { identifier },
    });
  if ((await catalog.current(identifier)) !== undefined) throw exists();
  const staged = await prepareCreateTable(options);
  try {
    await catalog.swap([staged.swap]);
  } catch (cause) {
    if (cause instanceof CommitConflictError) throw exists();
    throw cause;
  }
  return loadTable(options);
}

/** @throws TableNotFoundError, UnsupportedFeatureError (any format but v2), CorruptStateError */
export async function loadTable(options: {
  readonly store: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly identifier: TableIdentifier;
}): Promise<Table> {
  const { catalog, identifier } = options;
  const metadataLocation = await catalog.current(identifier);
  if (metadataLocation === undefined) {
    throw new TableNotFoundError(
      `table ${identifier.namespace}.${identifier.name} is not in catalog ${catalog.name}`,
      { details: { identifier } },
    );
  }
  return loadTableAt({ ...options, metadataLocation });
}

/** The table, or undefined when the catalog does not know it. @throws UnsupportedFeatureError, CorruptStateError */
export async function loadTableIfExists(
  options: Parameters<typeof loadTable>[0],
): Promise<Table | undefined> {
  try {
    return await loadTable(options);
  } catch (error) {
    if (error instanceof TableNotFoundError) return undefined;
    throw error;
  }
}

/** The table as one metadata file describes it. @throws UnsupportedFeatureError, CorruptStateError */
export async function loadTableAt(options: {
  readonly store: ObjectStore;
  readonly identifier: TableIdentifier;
  readonly metadataLocation: Location;
}): Promise<Table> {
  const { store, identifier, metadataLocation } = options;
  let bytes: Uint8Array;
  try {
    bytes = await store.read(metadataLocation);
  } catch (cause) {
    if (!(cause instanceof ObjectNotFoundError)) throw cause;
    throw new CorruptStateError(
      `the catalog names a metadata file that does not exist: ${metadataLocation}`,
      { cause, details: { metadataLocation } },
    );
  }
  const text = new TextDecoder().decode(
    metadataLocation.endsWith('.gz.metadata.json') ? await gunzip(bytes) : bytes,
  );
  return { identifier, metadataLocation, metadata: parseMetadata(text, metadataLocation) };
}

async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  const { gunzipSync } = await import('node:zlib');
  return gunzipSync(bytes);
}

export function snapshotById(table: Table, snapshotId: bigint): Snapshot | undefined {
  return table.metadata.snapshots.find((snapshot) => snapshot.snapshotId === snapshotId);
}

/** Head of the branch (default `main`); undefined when the branch has no snapshot or does not exist. */
export function currentSnapshot(table: Table, branch = 'main'): Snapshot | undefined {
  const ref = table.metadata.refs[branch];
  return ref === undefined ? undefined : snapshotById(table, ref.snapshotId);
}

/** From the given snapshot (default: head of main) back to the oldest that is still in the metadata. */
export function ancestors(table: Table, snapshotId?: bigint): readonly Snapshot[] {
  const byId = new Map(table.metadata.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]));
  const line: Snapshot[] = [];
  let id = snapshotId ?? table.metadata.refs['main']?.snapshotId;
  while (id !== undefined) {
    const snapshot = byId.get(id);
    if (snapshot === undefined || line.length > byId.size) break;
    line.push(snapshot);
    id = snapshot.parentSnapshotId;
  }
  return line;
}

export function currentSchema(table: Table): Schema {
  return schemaById(table, table.metadata.currentSchemaId);
}

function schemaById(table: Table, schemaId: number): Schema {
  const schema = table.metadata.schemas.find((candidate) => candidate.schemaId === schemaId);
  if (schema === undefined) throw new CorruptStateError(`${table.metadataLocation}: no schema ${schemaId}`);
  return schema;
}

/** The spec that new files are written with. */
export function currentSpec(table: Table): PartitionSpec {
  return specById(table, table.metadata.defaultSpecId);
}

export function specById(table: Table, specId: number): PartitionSpec {
  const spec = table.metadata.specs.find((candidate) => candidate.specId === specId);
  if (spec === undefined)
    throw new CorruptStateError(`${table.metadataLocation}: no partition spec ${specId}`);
  return spec;
}

/** Type by id in any schema of the table, the current one first: partition sources may have been dropped since. */
export function typeInTable(table: Table, fieldId: number): ReturnType<typeof typeById> {
  const current = typeById(currentSchema(table), fieldId);
  if (current !== undefined) return current;
  for (const schema of table.metadata.schemas) {
    const found = typeById(schema, fieldId);
    if (found !== undefined) return found;
  }
  return undefined;
}
