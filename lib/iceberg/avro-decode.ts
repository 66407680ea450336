import { CorruptStateError, UnsupportedFeatureError } from '../errors.ts';
import { asArray, asObject } from './json-read.ts';

/**
 * Avro's binary encoding, https://avro.apache.org/docs/1.11.1/specification/#binary-encoding, with Iceberg's field ids.
 * A reader is compiled from the writer's schema and the ids that are wanted; all else is skipped.
 */

/** A position in bytes; every read checks the end. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

export type Read<T = unknown> = (cursor: Cursor) => T;

function truncated(): CorruptStateError {
  return new CorruptStateError('an Avro file ends in the middle of a value');
}

/** Zigzag varint; bigint only where a double cannot hold it. */
export function readLong(cursor: Cursor): number | bigint {
  const { bytes } = cursor;
  let at = cursor.at;
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) throw truncated();
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = at;
      return (low >>> 1) ^ -(low & 1);
    }
  }
  return readWide(cursor);
}

/** Two halves of 28 bits and one of 8: exact integers without a bigint per byte. */
function readWide(cursor: Cursor): number | bigint {
  const { bytes } = cursor;
  let at = cursor.at;
  const parts = [0, 0, 0];
  for (let index = 0; ; index += 1) {
    const byte = bytes[at++];
    if (byte === undefined) throw truncated();
    if (index > 9) throw new CorruptStateError('an Avro integer of more than 64 bits');
    const part = Math.floor(index / 4);
    parts[part] = (parts[part] ?? 0) | ((byte & 0x7f) << (7 * (index % 4)));
    if (byte < 0x80) break;
  }
  cursor.at = at;
  const [low = 0, middle = 0, high = 0] = parts;
  if (high === 0 && middle < 0x1000000) {
    const raw = middle * 0x10000000 + low;
    return low & 1 ? -(Math.floor(raw / 2) + 1) : raw / 2;
  }
  const raw = (BigInt(high) << 56n) | (BigInt(middle) << 28n) | BigInt(low);
  const value = BigInt.asIntN(64, (BigInt.asUintN(64, raw) >> 1n) ^ -(raw & 1n));
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

export function readInt(cursor: Cursor): number {
  const value = readLong(cursor);
  if (typeof value === 'bigint') throw new CorruptStateError(`an Avro length or index of ${value}`);
  return value;
}

function readBoolean(cursor: Cursor): boolean {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw truncated();
  return byte !== 0;
}

export function advance(cursor: Cursor, length: number): number {
  const start = cursor.at;
  if (length < 0 || start + length > cursor.bytes.length) throw truncated();
  cursor.at = start + length;
  return start;
}

function readBytes(cursor: Cursor): Uint8Array {
  const length = readInt(cursor);
  const start = advance(cursor, length);
  // A copy, so that a few kept bounds do not keep the whole block.
  return Uint8Array.prototype.slice.call(cursor.bytes, start, start + length);
}

export function readText(cursor: Cursor): string {
  const length = readInt(cursor);
  const start = advance(cursor, length);
  return cursor.bytes.toString('utf8', start, start + length);
}

function skipBytes(cursor: Cursor): void {
  advance(cursor, readInt(cursor));
}

/** What is wanted of a record: the writer's field ids, each with the key to store it under and its own wishes. */
export type Wanted = ReadonlyMap<number, WantedField>;
export interface WantedField {
  readonly key: string;
  /** For records; also for the records in an array. */
  readonly fields?: Wanted;
}

/** Compiles a reader for a writer's type. Records become objects that hold the wanted keys alone. */
export function compileRead(schema: unknown, wanted: Wanted | undefined): Read {
  if (Array.isArray(schema)) return compileUnion(schema.map((branch) => compileRead(branch, wanted)));
  if (typeof schema === 'string') return primitive(schema);
  const object = asObject(schema, 'avro.schema');
  switch (object['type']) {
    case 'record':
      return compileRecord(asArray(object['fields'], 'fields'), wanted ?? new Map());
    case 'array': {
      const item = compileRead(object['items'], wanted);
      return (cursor) => {
        const values: unknown[] = [];
        forBlocks(cursor, (inner) => values.push(item(inner)));
        return values;
      };
    }
    case 'fixed': {
      const size = Number(object['size']);
      return (cursor) => {
        const start = advance(cursor, size);
        return Uint8Array.prototype.slice.call(cursor.bytes, start, start + size);
      };
    }
    case 'map':
      throw new UnsupportedFeatureError('a map with text keys in an Iceberg manifest');
    default:
      return compileRead(object['type'], wanted);
  }
}

function compileUnion(branches: readonly Read[]): Read {
  return (cursor) => {
    const branch = branches[readInt(cursor)];
    if (branch === undefined) throw new CorruptStateError('an Avro union index out of range');
    return branch(cursor);
  };
}

function compileRecord(fields: readonly unknown[], wanted: Wanted): Read {
  const steps = fields.map((item) => {
    const field = asObject(item, 'field');
    const wish = wanted.get(Number(field['field-id']));
    if (wish === undefined) return { key: undefined, read: compileSkip(field['type']) };
    return { key: wish.key, read: compileRead(field['type'], wish.fields) };
  });
  return (cursor) => {
    const record: Record<string, unknown> = {};
    for (const { key, read } of steps) {
      if (key === undefined) read(cursor);
      else record[key] = read(cursor);
    }
    return record;
  };
}

function primitive(name: string): Read {
  switch (name) {
    case 'null':
      return () => null;
    case 'boolean':
      return readBoolean;
    case 'int':
    case 'long':
      return readLong;
    case 'float':
      return (cursor) => cursor.bytes.readFloatLE(advance(cursor, 4));
    case 'double':
      return (cursor) => cursor.bytes.readDoubleLE(advance(cursor, 8));
    case 'bytes':
      return readBytes;
    case 'string':
      return readText;
    default:
      throw new UnsupportedFeatureError(`Avro type ${name} in a manifest`);
  }
}

function compileSkip(schema: unknown): Read {
  if (Array.isArray(schema)) return compileUnion(schema.map(compileSkip));
  if (typeof schema === 'string') {
    if (schema === 'bytes' || schema === 'string') return skipBytes;
    return primitive(schema);
  }
  const object = asObject(schema, 'avro.schema');
  switch (object['type']) {
    case 'record': {
      const steps = asArray(object['fields'], 'fields').map((item) =>
        compileSkip(asObject(item, 'field')['type']),
      );
      return (cursor) => {
        for (const step of steps) step(cursor);
      };
    }
    case 'array': {
      const item = compileSkip(object['items']);
      return (cursor) => forBlocks(cursor, item, true);
    }
    case 'map': {
      const value = compileSkip(object['values']);
      const entry: Read = (cursor) => {
        skipBytes(cursor);
        value(cursor);
      };
      return (cursor) => forBlocks(cursor, entry, true);
    }
    case 'fixed': {
      const size = Number(object['size']);
      return (cursor) => advance(cursor, size);
    }
    case 'enum':
      return readLong;
    default:
      return compileSkip(object['type']);
  }
}

/** Items of an array or map. A negative count is followed by the block's size in bytes, which lets it be skipped. */
export function forBlocks(cursor: Cursor, each: Read, skip = false): void {
  for (;;) {
    let count = readInt(cursor);
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      const size = readInt(cursor);
      if (skip) {
        advance(cursor, size);
        continue;
      }
    }
    for (let index = 0; index < count; index += 1) each(cursor);
  }
}
