import { CorruptStateError, UnsupportedFeatureError } from '../errors.ts';
import { fixedLengthOf } from './schema.ts';
import type { PartitionValue, PrimitiveType } from './types.ts';

/**
 * Single values in Iceberg's binary form, https://iceberg.apache.org/spec/#binary-single-value-serialization.
 * In this layer a date is days since 1970 (number), time and timestamps are microseconds (bigint), a decimal is its
 * unscaled value (bigint), a long is bigint, binary and fixed are lower-case hex text.
 */

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8');

export function singleValueToBytes(type: PrimitiveType, value: PartitionValue | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value === null) throw new TypeError('null has no binary form');
  switch (type) {
    case 'boolean':
      return Uint8Array.of(value === true ? 1 : 0);
    case 'int':
    case 'date':
      return view(4, (data) => data.setInt32(0, Number(value), true));
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return view(8, (data) => data.setBigInt64(0, BigInt(value), true));
    case 'float':
      return view(4, (data) => data.setFloat32(0, Number(value), true));
    case 'double':
      return view(8, (data) => data.setFloat64(0, Number(value), true));
    case 'string':
      return utf8.encode(String(value));
    case 'binary':
      return hexToBytes(String(value));
    default:
      return fixedLengthOf(type) === undefined ? decimalToBytes(BigInt(value)) : hexToBytes(String(value));
  }
}

export function singleValueFromBytes(type: PrimitiveType, bytes: Uint8Array): PartitionValue {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (length: number) => {
    if (bytes.length < length) throw new CorruptStateError(`a ${type} value of ${bytes.length} bytes`);
  };
  switch (type) {
    case 'boolean':
      need(1);
      return bytes[0] !== 0;
    case 'int':
    case 'date':
      need(4);
      return data.getInt32(0, true);
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      // A column promoted from int keeps the 4-byte bounds of its old files.
      if (bytes.length === 4) return BigInt(data.getInt32(0, true));
      need(8);
      return data.getBigInt64(0, true);
    case 'float':
      need(4);
      return data.getFloat32(0, true);
    case 'double':
      if (bytes.length === 4) return data.getFloat32(0, true);
      need(8);
      return data.getFloat64(0, true);
    case 'string':
      return utf8Decoder.decode(bytes);
    case 'binary':
      return bytesToHex(bytes);
    default:
      return fixedLengthOf(type) === undefined ? decimalFromBytes(bytes) : bytesToHex(bytes);
  }
}

/** Two's complement, big-endian, as few bytes as it takes. */
export function decimalToBytes(unscaled: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length += 1;
  const bytes = new Uint8Array(length);
  let rest = unscaled;
  for (let at = length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function decimalFromBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(Math.max(1, bytes.length) * 8, value);
}

/** Order of two values of one type; numbers and bigint compare as numbers, text by code points (as UTF-8 does). */
export function compareValues(left: PartitionValue, right: PartitionValue): number {
  if (left === null || right === null) throw new UnsupportedFeatureError('null has no order');
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** UTF-16 units order surrogates below U+E000..U+FFFF; UTF-8 bytes do not. */
function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return shift(a) - shift(b);
  }
  return left.length - right.length;
}

function shift(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;
}

function view(length: number, write: (data: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function hexToBytes(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex))
    throw new CorruptStateError('not hex text', { details: { text: hex.slice(0, 80) } });
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
