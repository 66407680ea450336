import { createHash } from 'node:crypto';
import { ObjectExistsError, SourceChangedError } from '../../errors.ts';
import { joinLocation } from '../../stores/location.ts';
import type { ObjectStore } from '../../stores/ports.ts';

export interface Upload {
  readonly store: Pick<ObjectStore, 'root' | 'write'>;
  /** Folder of the feed. */
  readonly prefix: string;
  readonly name: string;
  /** The content, from its beginning each time. */
  readonly read: () => AsyncIterable<Uint8Array>;
}

/**
 * Uploads a file under its content and name, `<prefix>/<content>/<name>`, and returns the key. The same file again finds
 * itself there; another content under the same name lies beside it. Nothing is ever written over.
 * @throws SourceChangedError when the content changes meanwhile; then nothing is there
 */
export async function uploadOnce({ store, prefix, name, read }: Upload): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of read()) hash.update(chunk);
  const content = hash.digest('hex');
  const key = `${prefix}/${content.slice(0, 16)}/${name}`;
  try {
    await store.write(joinLocation(store.root, key), sameAs(content, name, read()));
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  return key;
}

/** The object appears with its last byte, so a content that is not the expected one never does. */
async function* sameAs(
  content: string,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== content)
    throw new SourceChangedError(`${name} changed while it was uploaded`, {
      safe: 'nothing of it is in the staging bucket',
      next: 'the same again when it is finished',
    });
}
