import { CorruptStateError, UnsupportedFeatureError } from '../errors.ts';
import type { ObjectStore } from '../stores/ports.ts';
import { compileRead, type Wanted, type WantedField } from './avro-decode.ts';
import { openAvro } from './avro-file.ts';
import { type ManifestFile, readPinned } from './manifest-list.ts';
import { fixedLengthOf } from './schema.ts';
import { typeInTable } from './table.ts';
import type { Table } from './table-metadata.ts';
import { transformResultType } from './transforms.ts';
import type { DataFile, LiveFile, PartitionSpec, PartitionValue, PrimitiveType } from './types.ts';
import { bytesToHex, decimalFromBytes } from './values.ts';

/** Manifests, https://iceberg.apache.org/spec/#manifests. */

export type EntryStatus = 'existing' | 'added' | 'deleted';

export interface ManifestEntry extends LiveFile {
  readonly status: EntryStatus;
}

export interface ReadManifestOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly manifest: ManifestFile;
  /** Column statistics and bounds too. */
  readonly statistics: boolean;
}

const statuses: readonly EntryStatus[] = ['existing', 'added', 'deleted'];
const contents: readonly DataFile['content'][] = ['data', 'position-deletes', 'equality-deletes'];

interface RawFile {
  readonly content?: number;
  readonly path: string;
  readonly format: string;
  readonly partition: Readonly<Record<string, unknown>>;
  readonly rows: number;
  readonly size: number;
  readonly columnSizes?: RawMap<number>;
  readonly valueCounts?: RawMap<number>;
  readonly nullCounts?: RawMap<number>;
  readonly nanCounts?: RawMap<number>;
  readonly lower?: RawMap<Uint8Array>;
  readonly upper?: RawMap<Uint8Array>;
  readonly splits?: readonly number[] | null;
  readonly equality?: readonly number[] | null;
  readonly sort?: number | null;
  readonly referenced?: string | null;
  readonly contentOffset?: number | null;
  readonly keyMetadata?: Uint8Array | null;
}
type RawMap<T> = readonly { readonly k: number; readonly v: T }[] | null;

interface RawEntry {
  readonly status: number;
  readonly snapshot?: number | bigint | null;
  readonly sequence?: number | bigint | null;
  readonly fileSequence?: number | bigint | null;
  readonly file: RawFile;
}

function wantedOf(spec: PartitionSpec, statistics: boolean): Wanted {
  const partition = new Map(
    spec.fields.map((field, index): [number, WantedField] => [field.fieldId, { key: `p${index}` }]),
  );
  const map = (name: string, keyId: number, valueId: number) => ({
    key: name,
    fields: new Map([
      [keyId, { key: 'k' }],
      [valueId, { key: 'v' }],
    ]),
  });
  const file = new Map<number, WantedField>([
    [134, { key: 'content' }],
    [100, { key: 'path' }],
    [101, { key: 'format' }],
    [102, { key: 'partition', fields: partition }],
    [103, { key: 'rows' }],
    [104, { key: 'size' }],
    [131, { key: 'keyMetadata' }],
    [135, { key: 'equality' }],
    [140, { key: 'sort' }],
    [143, { key: 'referenced' }],
    [144, { key: 'contentOffset' }],
  ]);
  if (statistics) {
    file
      .set(108, map('columnSizes', 117, 118))
      .set(109, map('valueCounts', 119, 120))
      .set(110, map('nullCounts', 121, 122));
    file
      .set(137, map('nanCounts', 138, 139))
      .set(125, map('lower', 126, 127))
      .set(128, map('upper', 129, 130))
      .set(132, { key: 'splits' });
  }
  return new Map<number, WantedField>([
    [0, { key: 'status' }],
    [1, { key: 'snapshot' }],
    [3, { key: 'sequence' }],
    [4, { key: 'fileSequence' }],
    [2, { key: 'file', fields: file }],
  ]);
}

/** Result types of the spec's fields, in order. */
export function partitionTypes(table: Table, spec: PartitionSpec): readonly PrimitiveType[] {
  return spec.fields.map((field) => {
    const source = typeInTable(table, field.sourceId);
    if (source === undefined)
      throw new CorruptStateError(`partition field ${field.name} has no source column`, {
        details: { field: field.name },
      });
    return transformResultType(field.transform, source);
  });
}

/** Entries of any status, in the file's order. ADDED entries have inherited their sequence numbers and snapshot id. */
export async function readManifest(options: ReadManifestOptions): Promise<Iterable<ManifestEntry>> {
  return decodeManifest(
    await readPinned(options.store, options.manifest.location, options.manifest.addedSnapshotId),
    options,
  );
}

export function* decodeManifest(
  bytes: Uint8Array,
  options: Omit<ReadManifestOptions, 'store'>,
): Generator<ManifestEntry> {
  const { table, manifest } = options;
  const spec = table.metadata.specs.find((candidate) => candidate.specId === manifest.specId);
  if (spec === undefined)
    throw new CorruptStateError(`${manifest.location}: unknown partition spec ${manifest.specId}`);
  const types = partitionTypes(table, spec);
  const file = openAvro(bytes);
  const read = compileRead(file.schema, wantedOf(spec, options.statistics));
  const ids = idCache();
  for (const block of file.blocks()) {
    const cursor = { bytes: block.bytes, at: 0 };
    for (let index = 0; index < block.count; index += 1) {
      const raw = read(cursor) as RawEntry;
      const status = statuses[raw.status];
      if (status === undefined)
        throw new CorruptStateError(`${manifest.location}: unknown entry status ${raw.status}`);
      const sequence = raw.sequence ?? (status === 'added' ? manifest.sequenceNumber : undefined);
      if (sequence === undefined)
        throw new CorruptStateError(`${manifest.location}: an entry without its sequence number`);
      yield {
        status,
        snapshotId: ids(raw.snapshot ?? manifest.addedSnapshotId),
        sequenceNumber: ids(sequence),
        fileSequenceNumber: ids(raw.fileSequence ?? sequence),
        file: fileOf(raw.file, types, manifest),
      };
    }
  }
}

/** Few ids repeat over many entries: one bigint each instead of one per entry. */
function idCache(): (id: number | bigint) => bigint {
  const known = new Map<number | bigint, bigint>();
  return (id) => {
    let found = known.get(id);
    if (found === undefined) {
      found = BigInt(id);
      known.set(id, found);
    }
    return found;
  };
}

const formats = new Map<string, string>();
function formatOf(text: string): string {
  let found = formats.get(text);
  if (found === undefined) {
    found = text.toLowerCase();
    formats.set(text, found);
  }
  return found;
}

function fileOf(raw: RawFile, types: readonly PrimitiveType[], manifest: ManifestFile): DataFile {
  const content = contents[raw.content ?? 0];
  if (content === undefined)
    throw new CorruptStateError(`${manifest.location}: unknown file content ${raw.content}`);
  if (raw.keyMetadata !== null && raw.keyMetadata !== undefined) {
    throw new UnsupportedFeatureError(`${raw.path} is encrypted, which is not supported`, {
      details: { file: raw.path },
    });
  }
  if (raw.contentOffset !== null && raw.contentOffset !== undefined) {
    throw new UnsupportedFeatureError(`${raw.path} is a deletion vector, which is not supported`, {
      details: { file: raw.path },
    });
  }
  const partition = types.map((type, index) => partitionValue(type, raw.partition[`p${index}`]));
  const file: Mutable<DataFile> = {
    content,
    location: raw.path,
    format: formatOf(raw.format),
    specId: manifest.specId,
    partition,
    rows: raw.rows,
    sizeBytes: raw.size,
  };
  if (raw.columnSizes) file.columnSizes = mapOf(raw.columnSizes);
  if (raw.valueCounts) file.valueCounts = mapOf(raw.valueCounts);
  if (raw.nullCounts) file.nullCounts = mapOf(raw.nullCounts);
  if (raw.nanCounts) file.nanCounts = mapOf(raw.nanCounts);
  if (raw.lower) file.lowerBounds = mapOf(raw.lower);
  if (raw.upper) file.upperBounds = mapOf(raw.upper);
  if (raw.splits) file.splitOffsets = raw.splits;
  if (raw.equality) file.equalityIds = raw.equality;
  if (raw.sort !== null && raw.sort !== undefined) file.sortOrderId = raw.sort;
  if (raw.referenced) file.referencedDataFile = raw.referenced;
  return file;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function mapOf<T>(entries: readonly { readonly k: number; readonly v: T }[]): ReadonlyMap<number, T> {
  const map = new Map<number, T>();
  for (const { k, v } of entries) map.set(k, v);
  return map;
}

/** Avro's form of a partition value to this layer's (see values.ts). */
function partitionValue(type: PrimitiveType, value: unknown): PartitionValue {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return BigInt(value as number | bigint);
    case 'binary':
      return bytesToHex(value as Uint8Array);
    case 'boolean':
    case 'int':
    case 'date':
    case 'float':
    case 'double':
    case 'string':
      return value as PartitionValue;
    default:
      return fixedLengthOf(type) === undefined
        ? decimalFromBytes(value as Uint8Array)
        : bytesToHex(value as Uint8Array);
  }
}
