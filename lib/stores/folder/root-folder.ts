import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RootUnusableError } from '../../errors.ts';
import { anotherRoot, storageError } from '../../storage-error.ts';

/**
 * Makes the folder that holds everything, and proves that it can be written. Folder by folder: the recursive `mkdir`
 * of Node 24 never returns below /proc, where a folder that is not there cannot be made either.
 * @throws RootUnusableError, StorageFullError
 */
export async function makeRoot(path: string): Promise<void> {
  try {
    await makeFolder(path);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const known = storageError(cause);
    if (known !== cause) throw known;
    throw new RootUnusableError(`the root folder ${path} cannot be used: ${reasonOf(cause)}`, {
      cause,
      ...anotherRoot,
    });
  }
}

async function makeFolder(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true) return;
  if (there !== undefined) throw new Error(`${path} is a file`);
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    // Another process was faster.
    if (error.code !== 'EEXIST') throw error;
  });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be written by this user';
  if (code === 'ENOENT') return 'no folder can be made there';
  return error instanceof Error ? error.message : String(error);
}
