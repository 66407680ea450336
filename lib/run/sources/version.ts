import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SourceChangedError } from '../../errors.ts';

const contentVersionPattern = /^[0-9a-f]{64}$/;

const chunkBytes = 1 << 20;

/** The version of a source object that its content decides: SHA-256, hex. One chunk is read while the one before is hashed. */
export async function contentVersion(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path);
  try {
    let [reading, read] = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)];
    let next = file.read(reading, 0, chunkBytes);
    for (;;) {
      const { bytesRead } = await next;
      if (bytesRead === 0) return hash.digest('hex');
      [reading, read] = [read, reading];
      next = file.read(reading, 0, chunkBytes);
      hash.update(read.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
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
