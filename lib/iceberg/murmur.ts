/** 32-bit Murmur3 with seed 0, https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements. */

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

function mixKey(key: number): number {
  const mixed = Math.imul(key, c1);
  return Math.imul((mixed << 15) | (mixed >>> 17), c2);
}

function mixHash(hash: number, key: number): number {
  const mixed = hash ^ mixKey(key);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let mixed = hash ^ length;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

/** Signed 32-bit hash of the first `length` bytes. */
export function murmur3(bytes: Uint8Array, length = bytes.length): number {
  let hash = 0;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    hash = mixHash(
      hash,
      byte(bytes, at) |
        (byte(bytes, at + 1) << 8) |
        (byte(bytes, at + 2) << 16) |
        (byte(bytes, at + 3) << 24),
    );
  }
  let tail = 0;
  for (let at = length - 1; at >= whole; at -= 1) tail = (tail << 8) | byte(bytes, at);
  if (whole < length) hash ^= mixKey(tail);
  return finish(hash, length);
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** Hash of an int, long, date, time or timestamp: as the 8 little-endian bytes of a long. */
export function murmur3Long(value: number | bigint): number {
  let low: number;
  let high: number;
  if (typeof value === 'number' && value === (value | 0)) {
    low = value;
    high = value >> 31;
  } else {
    const wide = BigInt(value);
    low = Number(BigInt.asIntN(32, wide));
    high = Number(BigInt.asIntN(32, wide >> 32n));
  }
  return finish(mixHash(mixHash(0, low), high), 8);
}

const encoder = new TextEncoder();
let scratch = new Uint8Array(1_024);

/** Hash of the UTF-8 bytes; ASCII text is hashed without being encoded. */
export function murmur3Text(text: string): number {
  if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 3);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return murmur3(scratch, encoder.encodeInto(text, scratch).written);
    scratch[at] = code;
  }
  return murmur3(scratch, text.length);
}
