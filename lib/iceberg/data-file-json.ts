import { CorruptStateError } from '../errors.ts';
import { asArray, asInt, asObject, asString, optional } from './json-read.ts';
import type { DataFile, PartitionValue } from './types.ts';
import { bytesToHex, hexToBytes } from './values.ts';

/** Data files as plain JSON, for checkpoints: bigint as `{"long": "1"}` in partitions, bytes as hex. */

export function dataFileToJson(file: DataFile): unknown {
  return {
    content: file.content,
    location: file.location,
    format: file.format,
    specId: file.specId,
    partition: file.partition.map((value) => (typeof value === 'bigint' ? { long: String(value) } : value)),
    rows: file.rows,
    sizeBytes: file.sizeBytes,
    columnSizes: numbers(file.columnSizes),
    valueCounts: numbers(file.valueCounts),
    nullCounts: numbers(file.nullCounts),
    nanCounts: numbers(file.nanCounts),
    lowerBounds: bytes(file.lowerBounds),
    upperBounds: bytes(file.upperBounds),
    splitOffsets: file.splitOffsets,
    equalityIds: file.equalityIds,
    sortOrderId: file.sortOrderId,
    referencedDataFile: file.referencedDataFile,
  };
}

function numbers(map: ReadonlyMap<number, number> | undefined): unknown {
  return map === undefined ? undefined : Object.fromEntries(map);
}

function bytes(map: ReadonlyMap<number, Uint8Array> | undefined): unknown {
  return map === undefined
    ? undefined
    : Object.fromEntries([...map].map(([id, value]) => [id, bytesToHex(value)]));
}

/** @throws CorruptStateError */
export function dataFileFromJson(json: unknown): DataFile {
  const object = asObject(json, 'data file');
  const content = object['content'];
  if (content !== 'data' && content !== 'position-deletes' && content !== 'equality-deletes') {
    throw new CorruptStateError(`data file: unknown content ${String(content)}`);
  }
  const field = <K extends keyof DataFile, T>(
    key: K,
    read: (value: unknown, path: string) => T,
  ): { readonly [P in K]?: T } => {
    const value = optional(object[key], `data file.${key}`, read);
    return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: T });
  };
  return {
    content,
    location: asString(object['location'], 'data file.location'),
    format: asString(object['format'], 'data file.format'),
    specId: asInt(object['specId'], 'data file.specId'),
    partition: asArray(object['partition'], 'data file.partition').map(partitionValue),
    rows: asInt(object['rows'], 'data file.rows'),
    sizeBytes: asInt(object['sizeBytes'], 'data file.sizeBytes'),
    ...field('columnSizes', (value, path) => mapOf(value, path, asInt)),
    ...field('valueCounts', (value, path) => mapOf(value, path, asInt)),
    ...field('nullCounts', (value, path) => mapOf(value, path, asInt)),
    ...field('nanCounts', (value, path) => mapOf(value, path, asInt)),
    ...field('lowerBounds', (value, path) => mapOf(value, path, hex)),
    ...field('upperBounds', (value, path) => mapOf(value, path, hex)),
    ...field('splitOffsets', ints),
    ...field('equalityIds', ints),
    ...field('sortOrderId', asInt),
    ...field('referencedDataFile', asString),
  };
}

/** What tells whether a file is there, without its statistics, of which a run's files have very many. @throws CorruptStateError */
export function writtenFileFromJson(json: unknown): Pick<DataFile, 'location' | 'sizeBytes'> {
  const object = asObject(json, 'data file');
  return {
    location: asString(object['location'], 'data file.location'),
    sizeBytes: asInt(object['sizeBytes'], 'data file.sizeBytes'),
  };
}

function partitionValue(value: unknown): PartitionValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  const text = asString(asObject(value, 'data file.partition')['long'], 'data file.partition.long');
  if (!/^-?\d+$/.test(text)) throw new CorruptStateError('data file.partition.long: not an integer');
  return BigInt(text);
}

function mapOf<T>(
  value: unknown,
  path: string,
  read: (value: unknown, path: string) => T,
): ReadonlyMap<number, T> {
  return new Map(
    Object.entries(asObject(value, path)).map(([id, item]) => [asInt(Number(id), path), read(item, path)]),
  );
}

function hex(value: unknown, path: string): Uint8Array {
  return hexToBytes(asString(value, path));
}

function ints(value: unknown, path: string): readonly number[] {
  return asArray(value, path).map((item) => asInt(item, path));
}
