import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SourceChangedError } from '../../errors.ts';

const contentVersionPattern = /^[0-9a-f]{64}$/;

/** The version of a source object that its content decides: SHA-256, hex. */
export async function contentVersion(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

export interface PrivateCopy {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Copies a source object to a private file and checks that the copy is the version that was claimed, so that an
 * object overwritten while it is read is never half of each. Versions that are not a content hash (a store's
 * version id names immutable bytes) are taken as they are.
 *
 * @throws SourceChangedError
 */
export async function takePrivateCopy(
  sourcePath: string,
  version: string,
  path: string,
): Promise<PrivateCopy> {
  await mkdir(dirname(path), { recursive: true });
  await copyFile(sourcePath, path, constants.COPYFILE_FICLONE);
  const { size } = await stat(path);
  if (contentVersionPattern.test(version)) {
    const found = await contentVersion(path);
    if (found !== version) {
      throw new SourceChangedError('the source object is not the version that was claimed any more', {
        details: { claimed: version, found },
        safe: 'Nothing of it was used; the new version is picked up as a new arrival.',
      });
    }
  }
  return { path, sizeBytes: size };
}
