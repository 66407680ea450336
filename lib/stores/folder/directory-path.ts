import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LocationEscapeError } from '../../errors.ts';
import { fileLocation, filePath } from '../location.ts';
import type { Location } from '../ports.ts';

/**
 * The path of a location, proved to lie below the root, symbolic links of existing parents included.
 * @throws LocationEscapeError
 */
export async function pathBelow(rootPath: string, location: Location): Promise<string> {
  const path = filePath(location);
  const lexical = resolve(path);
  if (!isInside(lexical, rootPath) || path.includes('\0')) throw outside(rootPath, location);
  const parent = await realParent(lexical);
  if (!isInside(parent, rootPath) && parent !== rootPath) throw outside(rootPath, location);
  return lexical;
}

export function outside(rootPath: string, location: Location): LocationEscapeError {
  return new LocationEscapeError(`${location} is not below ${fileLocation(rootPath)}`, {
    details: { location },
  });
}

export function isInside(path: string, root: string): boolean {
  return path.startsWith(`${root}/`);
}

/** The real path of the nearest existing parent. */
async function realParent(path: string): Promise<string> {
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    try {
      return await realpath(parent);
    } catch (cause) {
      const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      if (!missing || parent === '/') throw cause;
    }
  }
}
