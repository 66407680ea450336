import { createReadStream } from 'node:fs';
import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { PoisonInputError } from '../../errors.ts';
import type { Compression } from './format.ts';

/** Below this size a file may expand by any factor. */
const freeExpansionBytes = 64e6;

export interface DecompressOptions {
  readonly path: string;
  readonly sizeBytes: number;
  readonly compression: Compression;
  /** Refused above so many bytes of text per byte of file. */
  readonly expansion: number;
}

/**
 * The text of a file, chunk by chunk, never held as a whole.
 *
 * @throws PoisonInputError for a wrong checksum, a truncated stream, bytes after its end, or too great an expansion
 */
export async function* decompress(options: DecompressOptions): AsyncGenerator<Buffer> {
  const raw = createReadStream(options.path, { highWaterMark: 1 << 18 });
  if (options.compression === 'none') {
    yield* raw;
    return;
  }
  const decoder =
    options.compression === 'gzip'
      ? createGunzip({ chunkSize: 1 << 18 })
      : createZstdDecompress({ chunkSize: 1 << 18 });
  raw.on('error', (error) => decoder.destroy(error));
  try {
    yield* limited(raw.pipe(decoder) as Transform, options);
    if ('bytesWritten' in decoder && decoder.bytesWritten < options.sizeBytes) {
      throw new PoisonInputError(
        `${options.sizeBytes - decoder.bytesWritten} bytes follow the end of the ${options.compression} stream`,
      );
    }
  } catch (cause) {
    if (cause instanceof PoisonInputError) throw cause;
    throw new PoisonInputError(
      `the ${options.compression} stream is broken: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  } finally {
    raw.destroy();
    decoder.destroy();
  }
}

async function* limited(
  stream: AsyncIterable<Buffer>,
  { sizeBytes, expansion }: DecompressOptions,
): AsyncGenerator<Buffer> {
  const limitBytes = Math.max(freeExpansionBytes, sizeBytes * expansion);
  let total = 0;
  for await (const chunk of stream) {
    total += chunk.length;
    if (total > limitBytes) {
      throw new PoisonInputError(
        `the file expands to more than ${limitBytes} bytes, ${expansion} times its size (limits.expansion)`,
      );
    }
    yield chunk;
  }
}
