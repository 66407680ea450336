import { deflateRawSync } from 'node:zlib';

/** Avro's binary encoding and object container files, for the manifests that this layer writes. */

/** A growing buffer. A class, because it holds the bytes. */
export class AvroBuffer {
  #bytes = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes so far; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const next = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(next, 0, 0, this.#length);
    this.#bytes = next;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  long(value: number | bigint): void {
    if (typeof value === 'number' && value >= -0x4000_0000 && value < 0x4000_0000) {
      let rest = ((value << 1) ^ (value >> 31)) >>> 0;
      this.#room(5);
      while (rest >= 0x80) {
        this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      this.#bytes[this.#length++] = rest;
      return;
    }
    const wide = BigInt(value);
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    this.#room(10);
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  float(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
  }

  double(value: number): void {
    this.#room(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** Bytes without a length in front (`fixed`, or a finished block). */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.long(bytes.length);
    this.raw(bytes);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.long(size);
    this.#room(size);
    this.#bytes.write(value, this.#length, 'utf8');
    this.#length += size;
  }
}

const blockBytes = 1 << 20;

export interface AvroFileWriter {
  /** Writes one record through `encode`. */
  append(encode: (buffer: AvroBuffer) => void): void;
  /** The whole file. */
  finish(): Uint8Array;
}

/** Deflate-compressed blocks of about 1 MiB. `sync` are 16 random bytes. */
export function avroFileWriter(options: {
  readonly schema: unknown;
  readonly metadata: Readonly<Record<string, string>>;
  readonly sync: Uint8Array;
}): AvroFileWriter {
  const file = new AvroBuffer();
  const block = new AvroBuffer();
  let count = 0;
  file.raw(Buffer.from('Obj\u0001', 'latin1'));
  const entries = Object.entries({
    'avro.schema': JSON.stringify(options.schema),
    'avro.codec': 'deflate',
    ...options.metadata,
  });
  file.long(entries.length);
  for (const [key, value] of entries) {
    file.text(key);
    file.text(value);
  }
  file.long(0);
  file.raw(options.sync);

  function flush(): void {
    if (count === 0) return;
    file.long(count);
    file.bytes(deflateRawSync(block.view(), { level: 4 }));
    file.raw(options.sync);
    block.clear();
    count = 0;
  }

  return {
    append(encode) {
      encode(block);
      count += 1;
      if (block.length >= blockBytes) flush();
    },
    finish() {
      flush();
      return Uint8Array.from(file.view());
    },
  };
}
