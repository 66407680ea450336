import { open } from 'node:fs/promises';
import { PoisonInputError } from '../../errors.ts';

export type SourceFormat = 'parquet' | 'csv' | 'jsonl';
export type Compression = 'none' | 'gzip' | 'zstd';

export interface DetectedFormat {
  /** `text` when the content alone does not tell CSV from JSON lines, since it is compressed. */
  readonly format: 'parquet' | 'text';
  readonly compression: Compression;
}

/** What a file is by its first bytes; its name has no say in it. @throws PoisonInputError for an empty file or UTF-16 */
export async function detectContainer(path: string): Promise<DetectedFormat> {
  const head = await readHead(path, 4);
  if (head.length === 0) throw new PoisonInputError('the file is empty');
  if (head.toString('latin1') === 'PAR1') return { format: 'parquet', compression: 'none' };
  if (head.toString('latin1') === 'PARE')
    throw new PoisonInputError('the Parquet file has an encrypted footer');
  if (head[0] === 0x1f && head[1] === 0x8b) return { format: 'text', compression: 'gzip' };
  if (head.readUInt32LE === undefined || head.length < 4) return { format: 'text', compression: 'none' };
  if (head.readUInt32LE(0) === 0xfd2fb528) return { format: 'text', compression: 'zstd' };
  return { format: 'text', compression: 'none' };
}

/** CSV or JSON lines: by the configuration, else by the name's ending, else by the first character of the text. */
export function textFormat(
  configured: 'auto' | SourceFormat,
  name: string,
  firstCharacter: string,
): 'csv' | 'jsonl' {
  if (configured === 'csv' || configured === 'jsonl') return configured;
  const ending = name.toLowerCase().replace(/\.(gz|zst|gzip|zstd)$/, '');
  if (/\.(jsonl|ndjson|json)$/.test(ending)) return 'jsonl';
  if (/\.(csv|tsv|txt)$/.test(ending)) return 'csv';
  return firstCharacter === '{' ? 'jsonl' : 'csv';
}

async function readHead(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
