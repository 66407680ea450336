import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { ObjectNotFoundError, UnsupportedFeatureError } from '../../errors.ts';
import { readLines } from '../lines.ts';
import { filePath } from '../location.ts';
import type { Location, ObjectStore } from '../ports.ts';

/**
 * Source files of a local run, read only. An intake item names the file, and only intake decides which files are
 * taken in (explicit paths, or what really lies below the staging folder), so this store has no root of its own.
 */
export function openLocalFiles(): ObjectStore {
  const readOnly = (): never => {
    throw new UnsupportedFeatureError('source files are never written');
  };
  async function found<T>(location: Location, action: (path: string) => Promise<T>): Promise<T> {
    try {
      return await action(filePath(location));
    } catch (cause) {
      if (
        cause instanceof Error &&
        'code' in cause &&
        (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
      ) {
        throw new ObjectNotFoundError(`${location} does not exist`, { cause, details: { location } });
      }
      throw cause;
    }
  }
  return {
    root: 'file:///',
    read: (location) => found(location, (path) => readFile(path)),
    readRange: (location, offset, length) =>
      found(location, async (path) => {
        await using file = await open(path, 'r');
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      }),
    async *readLines(location) {
      const path = await found(location, mustBeThere);
      yield* readLines(createReadStream(path));
    },
    head: async (location) => {
      const info = await stat(filePath(location)).catch(() => undefined);
      return info?.isFile() === true
        ? { location, sizeBytes: info.size, modifiedMs: info.mtimeMs }
        : undefined;
    },
    localPath: (location) => found(location, mustBeThere),
    localPart: (location) => found(location, mustBeThere),
    list: readOnly,
    write: readOnly,
    adopt: readOnly,
    delete: readOnly,
  };
}

async function mustBeThere(path: string): Promise<string> {
  await stat(path);
  return path;
}
