import { open, stat } from 'node:fs/promises';

/** Limits of a multipart upload, https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html. */
const mostParts = 10_000;
const mebibyte = 2 ** 20;

/** The size of all parts but the last of an object whose size is known. */
export function partSize(sizeBytes: number, preferredBytes: number): number {
  const least = Math.ceil(sizeBytes / mostParts / mebibyte) * mebibyte;
  return Math.max(preferredBytes, least);
}

/** Of an object whose size is not known: it doubles every thousand parts, so that 10,000 are enough for any object. */
export function growingPartSize(partNumber: number, preferredBytes: number): number {
  return preferredBytes * 2 ** Math.floor((partNumber - 1) / 1_000);
}

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Whether no other part follows. */
  readonly last: boolean;
}

/** What is to be written, in parts; asked again it begins anew, unless it is a stream that can be read once. */
export interface PartSource {
  readonly repeatable: boolean;
  parts(): AsyncGenerator<Part>;
}

export function bytesSource(bytes: Uint8Array, partBytes: number): PartSource {
  const size = partSize(bytes.length, partBytes);
  return {
    repeatable: true,
    async *parts() {
      for (let number = 1, from = 0; ; number += 1, from += size) {
        const last = from + size >= bytes.length;
        yield { number, bytes: bytes.subarray(from, from + size), last };
        if (last) return;
      }
    },
  };
}

export async function fileSource(path: string, partBytes: number): Promise<PartSource> {
  const { size: sizeBytes } = await stat(path);
  const size = partSize(sizeBytes, partBytes);
  return {
    repeatable: true,
    async *parts() {
      await using file = await open(path, 'r');
      for (let number = 1, from = 0; ; number += 1, from += size) {
        const length = Math.max(0, Math.min(size, sizeBytes - from));
        const bytes = new Uint8Array(length);
        for (let filled = 0; filled < length; ) {
          const { bytesRead } = await file.read(bytes, filled, length - filled, from + filled);
          if (bytesRead === 0) throw new Error(`${path} became shorter while it was uploaded`);
          filled += bytesRead;
        }
        const last = from + size >= sizeBytes;
        yield { number, bytes, last };
        if (last) return;
      }
    },
  };
}

export function streamSource(chunks: AsyncIterable<Uint8Array>, partBytes: number): PartSource {
  return {
    repeatable: false,
    async *parts() {
      let pending: Uint8Array[] = [];
      let size = 0;
      let number = 1;
      for await (const chunk of chunks) {
        pending.push(chunk);
        size += chunk.length;
        for (let full = growingPartSize(number, partBytes); size > full; ) {
          const all = Buffer.concat(pending);
          yield { number, bytes: all.subarray(0, full), last: false };
          pending = [all.subarray(full)];
          size -= full;
          number += 1;
          full = growingPartSize(number, partBytes);
        }
      }
      yield { number, bytes: Buffer.concat(pending), last: true };
    },
  };
}
