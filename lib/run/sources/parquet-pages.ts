import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** What a page header claims (parquet.thrift, PageHeader). Sizes in bytes, without the header. */
export interface PageClaim {
  readonly uncompressedBytes: number;
  readonly compressedBytes: number;
  readonly headerBytes: number;
  /** CRC-32 of the page's bytes as they are stored, when the writer left one. */
  readonly checksum: number | undefined;
}

export interface Page extends PageClaim {
  /** False when the page's bytes are not those that the writer had. */
  readonly intact: boolean;
}

const headerReadBytes = [256, 65_536] as const;

/** A page of more bytes than this is not held against its checksum. */
const checkedPageBytes = 256e6;

/**
 * The pages of one column chunk, in order, by their headers; no page is decoded. Ends early where a header cannot be
 * parsed: the engine that reads the file is the judge of that.
 */
export async function* pagesOf(file: FileHandle, start: number, end: number): AsyncGenerator<Page> {
  let at = start;
  while (at < end) {
    const claim = await readClaim(file, at);
    if (claim === undefined || claim.compressedBytes < 0) return;
    const first = at + claim.headerBytes;
    yield { ...claim, intact: await isIntact(file, first, claim) };
    at = first + claim.compressedBytes;
  }
}

async function isIntact(
  file: FileHandle,
  first: number,
  { checksum, compressedBytes }: PageClaim,
): Promise<boolean> {
  if (checksum === undefined || compressedBytes > checkedPageBytes) return true;
  const { buffer, bytesRead } = await file.read(
    Buffer.allocUnsafe(compressedBytes),
    0,
    compressedBytes,
    first,
  );
  return bytesRead === compressedBytes && crc32(buffer) === checksum >>> 0;
}

async function readClaim(file: FileHandle, at: number): Promise<PageClaim | undefined> {
  for (const length of headerReadBytes) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
    const claim = parsePageHeader(buffer.subarray(0, bytesRead));
    if (claim !== undefined) return claim;
  }
  return undefined;
}

/** Thrift compact protocol, as far as page headers need it; undefined when the bytes end first or make no sense. */
export function parsePageHeader(bytes: Uint8Array): PageClaim | undefined {
  const reader = new CompactReader(bytes);
  const fields = reader.struct(0);
  const [uncompressed, compressed] = [fields?.get(2), fields?.get(3)];
  if (uncompressed === undefined || compressed === undefined) return undefined;
  return {
    uncompressedBytes: uncompressed,
    compressedBytes: compressed,
    headerBytes: reader.at,
    checksum: fields?.get(4),
  };
}

const maxDepth = 8;

class CompactReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Integer fields of a struct by id, everything else skipped. */
  struct(depth: number): Map<number, number> | undefined {
    const fields = new Map<number, number>();
    let id = 0;
    for (;;) {
      const head = this.#bytes[this.at++];
      if (head === undefined || depth > maxDepth) return undefined;
      if (head === 0) return fields;
      const delta = head >> 4;
      if (delta === 0) {
        const explicit = this.#zigzag();
        if (explicit === undefined) return undefined;
        id = explicit;
      } else id += delta;
      const type = head & 15;
      if (type >= 4 && type <= 6) {
        const value = this.#zigzag();
        if (value === undefined) return undefined;
        fields.set(id, value);
      } else if (!this.#skip(type, depth)) return undefined;
    }
  }

  #skip(type: number, depth: number): boolean {
    switch (type) {
      case 1:
      case 2:
        return true;
      case 3:
        return this.#advance(1);
      case 4:
      case 5:
      case 6:
        return this.#varint() !== undefined;
      case 7:
        return this.#advance(8);
      case 8: {
        const length = this.#varint();
        return length !== undefined && this.#advance(length);
      }
      case 9:
      case 10:
        return this.#skipList(depth);
      case 12:
        return this.struct(depth + 1) !== undefined;
      default:
        return false;
    }
  }

  #skipList(depth: number): boolean {
    const head = this.#bytes[this.at++];
    if (head === undefined) return false;
    const size = head >> 4 === 15 ? this.#varint() : head >> 4;
    if (size === undefined || size > this.#bytes.length) return false;
    const type = head & 15;
    for (let element = 0; element < size; element += 1) {
      if (!(type <= 2 ? this.#advance(1) : this.#skip(type, depth + 1))) return false;
    }
    return true;
  }

  #advance(length: number): boolean {
    this.at += length;
    return this.at <= this.#bytes.length;
  }

  #varint(): number | undefined {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) return undefined;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return undefined;
  }

  #zigzag(): number | undefined {
    const value = this.#varint();
    if (value === undefined) return undefined;
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
