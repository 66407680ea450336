import { murmur3 } from '../engine/murmur3.ts';

/** What is hashed of each type, https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements. */

export { murmur3 };

const long = new DataView(new ArrayBuffer(8));
const longBytes = new Uint8Array(long.buffer);
const encoder = new TextEncoder();

/** Hash of an int, long, date, time or timestamp: as the 8 little-endian bytes of a long. */
export function murmur3Long(value: number | bigint): number {
  long.setBigInt64(0, BigInt(value), true);
  return murmur3(longBytes);
}

/** Hash of the UTF-8 bytes. */
export function murmur3Text(text: string): number {
  return murmur3(encoder.encode(text));
}
