import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  copyFile,
  link,
  mkdir,
  open,
  opendir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  unlink,
} from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ObjectExistsError, ObjectNotFoundError } from '../../errors.ts';
import { readLines } from '../lines.ts';
import { fileLocation, filePath } from '../location.ts';
import type { Location, ObjectInfo, ObjectStore } from '../ports.ts';
import { isInside, outside, pathBelow } from './directory-path.ts';

/**
 * An object store in one directory. An object becomes visible whole or not at all: it is written aside,
 * synced, then linked (create-only) or renamed (overwrite) to its name.
 */
export async function openDirectoryStore(options: { readonly path: string }): Promise<ObjectStore> {
  await mkdir(options.path, { recursive: true });
  const rootPath = await realpath(options.path);
  const aside = `${rootPath}/.aside`;

  const pathOf = (location: Location) => pathBelow(rootPath, location);

  async function withPath<T>(location: Location, action: (path: string) => Promise<T>): Promise<T> {
    const path = await pathOf(location);
    try {
      return await action(path);
    } catch (cause) {
      if (isCode(cause, 'ENOENT'))
        throw new ObjectNotFoundError(`${location} does not exist`, { cause, details: { location } });
      throw cause;
    }
  }

  async function place(temporary: string, location: Location, overwrite: boolean): Promise<ObjectInfo> {
    const path = await pathOf(location);
    await mkdir(dirname(path), { recursive: true });
    if (overwrite) {
      await rename(temporary, path);
    } else {
      try {
        await link(temporary, path);
      } catch (cause) {
        if (isCode(cause, 'EEXIST'))
          throw new ObjectExistsError(`${location} exists already`, { cause, details: { location } });
        throw cause;
      }
      await unlink(temporary);
    }
    const info = await stat(path);
    return { location, sizeBytes: info.size, modifiedMs: info.mtimeMs };
  }

  async function inAside<T>(use: (temporary: string) => Promise<T>): Promise<T> {
    await mkdir(aside, { recursive: true });
    const temporary = `${aside}/${randomUUID()}`;
    try {
      return await use(temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** @throws ObjectNotFoundError */
  const existing = (location: Location) =>
    withPath(location, async (path) => {
      await stat(path);
      return path;
    });

  return {
    root: fileLocation(rootPath),

    read: (location) => withPath(location, (path) => readFile(path)),

    readRange: (location, offset, length) =>
      withPath(location, async (path) => {
        await using file = await open(path, 'r');
        const bytes = new Uint8Array(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      }),

    async *readLines(location) {
      const path = await existing(location);
      const input = createReadStream(path, { highWaterMark: 1 << 18 });
      try {
        yield* readLines(input);
      } finally {
        input.destroy();
      }
    },

    write: (location, bytes, writeOptions = {}) =>
      inAside(async (temporary) => {
        await pathOf(location);
        {
          await using file = await open(temporary, 'wx');
          if (bytes instanceof Uint8Array) await file.writeFile(bytes);
          else for await (const chunk of bytes) await file.write(chunk);
          await file.sync();
        }
        return place(temporary, location, writeOptions.overwrite ?? false);
      }),

    async adopt(localPath, location) {
      {
        await using file = await open(localPath, 'r+');
        await file.sync();
      }
      try {
        return await place(localPath, location, false);
      } catch (cause) {
        if (!isCode(cause, 'EXDEV')) throw cause;
      }
      return inAside(async (temporary) => {
        await copyFile(localPath, temporary);
        const info = await place(temporary, location, false);
        await rm(localPath, { force: true });
        return info;
      });
    },

    async head(location) {
      const path = await pathOf(location);
      try {
        const info = await stat(path);
        return info.isFile() ? { location, sizeBytes: info.size, modifiedMs: info.mtimeMs } : undefined;
      } catch (cause) {
        if (isCode(cause, 'ENOENT') || isCode(cause, 'ENOTDIR')) return undefined;
        throw cause;
      }
    },

    async *list(prefix) {
      const path = filePath(prefix);
      if (!isInside(resolve(path), rootPath) && resolve(path) !== rootPath) throw outside(rootPath, prefix);
      yield* walk(path.endsWith('/') ? path.slice(0, -1) : dirname(path), path, aside);
    },

    delete: async (location) => rm(await pathOf(location), { force: true }),

    localPath: existing,
    localPart: existing,
  };
}

async function* walk(folder: string, prefix: string, aside: string): AsyncIterable<ObjectInfo> {
  let entries: Awaited<ReturnType<typeof opendir>>;
  try {
    entries = await opendir(folder);
  } catch (cause) {
    if (isCode(cause, 'ENOENT') || isCode(cause, 'ENOTDIR')) return;
    throw cause;
  }
  for await (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (path === aside) continue;
    if (entry.isDirectory()) {
      if (path.startsWith(prefix) || prefix.startsWith(`${path}/`)) yield* walk(path, prefix, aside);
    } else if (entry.isFile() && path.startsWith(prefix)) {
      const info = await stat(path).catch(() => undefined);
      if (info !== undefined)
        yield { location: fileLocation(path), sizeBytes: info.size, modifiedMs: info.mtimeMs };
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
