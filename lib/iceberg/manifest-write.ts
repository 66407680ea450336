import { joinLocation } from '../stores/location.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { type AvroBuffer, type AvroFileWriter, avroFileWriter } from './avro-encode.ts';
import type { ManifestFile, PartitionSummary } from './manifest-list.ts';
import { type EntryStatus, type ManifestEntry, partitionTypes } from './manifest-read.ts';
import { decimalBytes, manifestEntrySchema } from './manifest-schema.ts';
import { partitionFieldToJson } from './metadata-json.ts';
import type { Random } from './random.ts';
import { decimalOf, fixedLengthOf, schemaToJson } from './schema.ts';
import { currentSchema, specById } from './table.ts';
import type { Table } from './table-metadata.ts';
import type { DataFile, PartitionValue, PrimitiveType } from './types.ts';
import { compareValues, hexToBytes, singleValueToBytes } from './values.ts';

/** An entry to write; an ADDED one leaves its sequence numbers to be inherited. */
export type NewEntry =
  | { readonly status: 'added'; readonly file: DataFile }
  | (ManifestEntry & { readonly status: 'existing' | 'deleted' });

export interface ManifestWriterOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly content: 'data' | 'deletes';
  readonly specId: number;
  readonly snapshotId: bigint;
  /** The sequence number of the snapshot to come. */
  readonly sequenceNumber: bigint;
  /** Unique per commit; names the files. */
  readonly commitId: string;
  readonly nextFileNumber: () => number;
  readonly entriesPerManifest: number;
  readonly random: Random;
}

export interface ManifestWriter {
  add(entry: NewEntry): Promise<void>;
  /** Everything written since the start; nothing when there was no entry. */
  finish(): Promise<readonly ManifestFile[]>;
}

/** Writes manifests of one content and spec, a new file every so many entries. */
export function manifestWriter(options: ManifestWriterOptions): ManifestWriter {
  const { store, table } = options;
  const spec = specById(table, options.specId);
  const types = partitionTypes(table, spec);
  const schema = manifestEntrySchema(spec, types);
  const metadata = {
    schema: JSON.stringify(schemaToJson(currentSchema(table))),
    'schema-id': String(table.metadata.currentSchemaId),
    'partition-spec': JSON.stringify(spec.fields.map(partitionFieldToJson)),
    'partition-spec-id': String(spec.specId),
    'format-version': '2',
    content: options.content,
  };
  const done: ManifestFile[] = [];
  let open: OpenManifest | undefined;

  async function close(): Promise<void> {
    if (open === undefined) return;
    const { file, counts, rows, ranges, minSequence } = open;
    open = undefined;
    const location: Location = joinLocation(
      table.metadata.location,
      'metadata',
      `${options.commitId}-m${options.nextFileNumber()}.avro`,
    );
    const info = await store.write(location, file.finish());
    done.push({
      location,
      sizeBytes: info.sizeBytes,
      specId: spec.specId,
      content: options.content,
      sequenceNumber: options.sequenceNumber,
      minSequenceNumber: minSequence ?? options.sequenceNumber,
      addedSnapshotId: options.snapshotId,
      addedFiles: counts.added,
      existingFiles: counts.existing,
      deletedFiles: counts.deleted,
      addedRows: rows.added,
      existingRows: rows.existing,
      deletedRows: rows.deleted,
      partitions: ranges.map((range, index) => summaryOf(range, types[index] ?? 'string')),
      keyMetadata: undefined,
    });
  }

  return {
    async add(entry) {
      open ??= {
        file: avroFileWriter({ schema, metadata, sync: options.random.bytes(16) }),
        counts: { added: 0, existing: 0, deleted: 0 },
        rows: { added: 0, existing: 0, deleted: 0 },
        ranges: types.map(() => ({
          containsNull: false,
          containsNan: false,
          lower: undefined,
          upper: undefined,
        })),
        minSequence: undefined,
        entries: 0,
      };
      open.file.append((out) => encodeEntry(out, entry, types, options.snapshotId));
      open.counts[entry.status] += 1;
      open.rows[entry.status] += entry.file.rows;
      open.entries += 1;
      if (entry.status !== 'deleted') {
        const sequence = entry.status === 'added' ? options.sequenceNumber : entry.sequenceNumber;
        if (open.minSequence === undefined || sequence < open.minSequence) open.minSequence = sequence;
      }
      for (const [index, range] of open.ranges.entries()) widen(range, entry.file.partition[index] ?? null);
      if (open.entries >= options.entriesPerManifest) await close();
    },
    async finish() {
      await close();
      return done;
    },
  };
}

interface OpenManifest {
  readonly file: AvroFileWriter;
  readonly counts: Record<EntryStatus, number>;
  readonly rows: Record<EntryStatus, number>;
  readonly ranges: Range[];
  minSequence: bigint | undefined;
  entries: number;
}

interface Range {
  containsNull: boolean;
  containsNan: boolean;
  lower: PartitionValue | undefined;
  upper: PartitionValue | undefined;
}

function widen(range: Range, value: PartitionValue): void {
  if (value === null) range.containsNull = true;
  else if (typeof value === 'number' && Number.isNaN(value)) range.containsNan = true;
  else {
    if (range.lower === undefined || compareValues(value, range.lower) < 0) range.lower = value;
    if (range.upper === undefined || compareValues(value, range.upper) > 0) range.upper = value;
  }
}

function summaryOf(range: Range, type: PrimitiveType): PartitionSummary {
  return {
    containsNull: range.containsNull,
    containsNan: range.containsNan,
    lowerBound: range.lower === undefined ? undefined : singleValueToBytes(type, range.lower),
    upperBound: range.upper === undefined ? undefined : singleValueToBytes(type, range.upper),
  };
}

const statusNumbers: Readonly<Record<EntryStatus, number>> = { existing: 0, added: 1, deleted: 2 };
const contentNumbers: Readonly<Record<DataFile['content'], number>> = {
  data: 0,
  'position-deletes': 1,
  'equality-deletes': 2,
};

/** In the order of manifestEntrySchema. */
function encodeEntry(
  out: AvroBuffer,
  entry: NewEntry,
  types: readonly PrimitiveType[],
  snapshotId: bigint,
): void {
  const inherits = entry.status === 'added';
  out.long(statusNumbers[entry.status]);
  // A DELETED entry names the snapshot that deleted it.
  optional(out, entry.status === 'existing' ? entry.snapshotId : snapshotId, long);
  optional(out, inherits ? undefined : entry.sequenceNumber, long);
  optional(out, inherits ? undefined : entry.fileSequenceNumber, long);
  const { file } = entry;
  out.long(contentNumbers[file.content]);
  out.text(file.location);
  out.text(file.format.toUpperCase());
  for (const [index, type] of types.entries()) {
    const value = file.partition[index] ?? null;
    optional(out, value === null ? undefined : value, (into, item) => encodePartition(into, type, item));
  }
  out.long(file.rows);
  out.long(file.sizeBytes);
  optional(out, file.columnSizes, counts);
  optional(out, file.valueCounts, counts);
  optional(out, file.nullCounts, counts);
  optional(out, file.nanCounts, counts);
  optional(out, file.lowerBounds, bounds);
  optional(out, file.upperBounds, bounds);
  out.long(0);
  optional(out, file.splitOffsets, longs);
  optional(out, file.equalityIds, longs);
  optional(out, file.sortOrderId, long);
  optional(out, file.referencedDataFile, (into, text) => into.text(text));
}

function optional<T>(
  out: AvroBuffer,
  value: T | undefined,
  write: (out: AvroBuffer, value: T) => void,
): void {
  out.long(value === undefined ? 0 : 1);
  if (value !== undefined) write(out, value);
}

function long(out: AvroBuffer, value: number | bigint): void {
  out.long(value);
}

function longs(out: AvroBuffer, values: readonly number[]): void {
  if (values.length > 0) out.long(values.length);
  for (const value of values) out.long(value);
  out.long(0);
}

function counts(out: AvroBuffer, map: ReadonlyMap<number, number>): void {
  if (map.size > 0) out.long(map.size);
  for (const [id, value] of map) {
    out.long(id);
    out.long(value);
  }
  out.long(0);
}

function bounds(out: AvroBuffer, map: ReadonlyMap<number, Uint8Array>): void {
  if (map.size > 0) out.long(map.size);
  for (const [id, value] of map) {
    out.long(id);
    out.bytes(value);
  }
  out.long(0);
}

function encodePartition(out: AvroBuffer, type: PrimitiveType, value: Exclude<PartitionValue, null>): void {
  switch (type) {
    case 'boolean':
      out.boolean(value === true);
      return;
    case 'int':
    case 'date':
      out.long(Number(value));
      return;
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      out.long(BigInt(value));
      return;
    case 'float':
      out.float(Number(value));
      return;
    case 'double':
      out.double(Number(value));
      return;
    case 'string':
      out.text(String(value));
      return;
    case 'binary':
      out.bytes(hexToBytes(String(value)));
      return;
    default: {
      const decimal = decimalOf(type);
      out.raw(
        decimal === undefined
          ? fixed(hexToBytes(String(value)), fixedLengthOf(type) ?? 0)
          : wideDecimal(BigInt(value), decimalBytes(decimal.precision)),
      );
    }
  }
}

function fixed(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length)
    throw new RangeError(`a fixed value of ${bytes.length} bytes where ${length} are due`);
  return bytes;
}

/** Avro's fixed decimals are sign-extended to their full size. */
function wideDecimal(unscaled: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = unscaled;
  for (let at = length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}
