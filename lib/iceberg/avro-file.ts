import { inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { CorruptStateError, UnsupportedFeatureError } from '../errors.ts';
import { advance, type Cursor, forBlocks, readInt, readText } from './avro-decode.ts';
import { asString } from './json-read.ts';

/** Avro object container files, https://avro.apache.org/docs/1.11.1/specification/#object-container-files. */

export interface AvroFile {
  readonly metadata: ReadonlyMap<string, string>;
  readonly schema: unknown;
  /** Each block's bytes, uncompressed, with its number of records. */
  blocks(): Iterable<{ readonly count: number; readonly bytes: Buffer }>;
}

/** @throws CorruptStateError, UnsupportedFeatureError (codec) */
export function openAvro(data: Uint8Array): AvroFile {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== 0x4f626a01)
    throw new CorruptStateError('not an Avro object container file');
  const cursor: Cursor = { bytes, at: 4 };
  const metadata = new Map<string, string>();
  forBlocks(cursor, (inner) => {
    const key = readText(inner);
    metadata.set(key, readText(inner));
  });
  const syncAt = advance(cursor, 16);
  const sync = bytes.subarray(syncAt, syncAt + 16);
  const decompress = codec(metadata.get('avro.codec') ?? 'null');
  const start = cursor.at;
  return {
    metadata,
    schema: parseSchema(metadata.get('avro.schema')),
    *blocks() {
      const position: Cursor = { bytes, at: start };
      while (position.at < bytes.length) {
        const count = readInt(position);
        const size = readInt(position);
        const from = advance(position, size);
        const marker = advance(position, 16);
        if (!bytes.subarray(marker, marker + 16).equals(sync))
          throw new CorruptStateError('an Avro block without its sync marker');
        yield { count, bytes: decompress(bytes.subarray(from, from + size)) };
      }
    },
  };
}

/** Named types that are used again by name do not occur in Iceberg's files; compileRead refuses them. */
function parseSchema(text: string | undefined): unknown {
  try {
    return JSON.parse(asString(text, 'avro.schema'));
  } catch (cause) {
    throw new CorruptStateError('an Avro file without a readable schema', { cause });
  }
}

function codec(name: string): (bytes: Buffer) => Buffer {
  const guarded = (inflate: (bytes: Buffer) => Buffer) => (bytes: Buffer) => {
    try {
      return inflate(bytes);
    } catch (cause) {
      throw new CorruptStateError('an Avro block that cannot be decompressed', { cause });
    }
  };
  switch (name) {
    case 'null':
      return (bytes) => bytes;
    case 'deflate':
      return guarded((bytes) => inflateRawSync(bytes));
    case 'zstandard':
      return guarded((bytes) => zstdDecompressSync(bytes));
    default:
      throw new UnsupportedFeatureError(`Avro codec ${name} is not supported`, { details: { codec: name } });
  }
}
