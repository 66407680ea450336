import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, opendir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { ObjectExistsError, PendingWriteLostError } from '../../errors.ts';
import { fileLocation, filePath } from '../location.ts';
import type { BegunWrite, ObjectInfo, PendingFile, PendingSource, PendingWrites } from '../ports.ts';
import { pathBelow } from './directory-path.ts';

/**
 * Pending files of a directory store: written and synced below `.aside/pending`, in a folder that has the path of the
 * destination, so that they are on its file system and in no listing; a link (create-only) gives them their name.
 */
export async function openDirectoryPending(options: {
  readonly path: string;
  readonly newId?: () => string;
}): Promise<PendingWrites> {
  const newId = options.newId ?? randomUUID;
  await mkdir(options.path, { recursive: true });
  const root = await realpath(options.path);
  const aside = `${root}/.aside/pending`;

  async function heldPath(write: Pick<BegunWrite, 'destination' | 'handle'>): Promise<string> {
    if (!/^~[\w-]+$/.test(write.handle)) throw new TypeError(`not a pending file: ${write.handle}`);
    return `${aside}/${relative(root, await pathBelow(root, write.destination))}/${write.handle}`;
  }

  async function drop(write: Pick<BegunWrite, 'destination' | 'handle'>): Promise<void> {
    const path = await heldPath(write);
    await rm(path, { force: true });
    for (let folder = dirname(path); folder !== aside; folder = dirname(folder)) {
      const removed = await rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  }

  return {
    async write(destination, source): Promise<PendingFile> {
      const writeId = newId();
      const handle = `~${writeId}`;
      const held = { destination, handle };
      const path = await heldPath(held);
      try {
        await using file = await createIn(path);
        const hash = createHash('sha256');
        let sizeBytes = 0;
        for await (const chunk of chunksOf(source)) {
          // The disk works while this thread hashes.
          const written = file.writeFile(chunk);
          hash.update(chunk);
          sizeBytes += chunk.length;
          await written;
        }
        await file.sync();
        return { destination, handle, writeId, sizeBytes, sha256: hash.digest('hex'), parts: [] };
      } catch (error) {
        await drop(held).catch(() => undefined);
        throw error;
      }
    },

    async complete(file): Promise<ObjectInfo> {
      const path = await pathBelow(root, file.destination);
      const { destination } = file;
      await mkdir(dirname(path), { recursive: true });
      try {
        await link(await heldPath(file), path);
        await syncFolder(dirname(path));
      } catch (cause) {
        const lost = isCode(cause, 'ENOENT');
        if (!lost && !isCode(cause, 'EEXIST')) throw cause;
        const standing = await isStanding(path, file);
        if (standing === undefined)
          throw new PendingWriteLostError(`the bytes of ${destination} are gone and nothing stands there`, {
            cause,
            details: { location: destination, handle: file.handle },
            safe: 'files that have their names already stay',
          });
        if (!standing)
          throw new ObjectExistsError(`${destination} exists already`, {
            cause,
            details: { location: destination },
          });
      }
      await drop(file);
      const info = await stat(path);
      return { location: destination, sizeBytes: info.size, modifiedMs: info.mtimeMs };
    },

    abort: drop,

    async *list(prefix) {
      const wanted = filePath(prefix);
      for await (const path of filesBelow(aside)) {
        const destination = `${root}/${relative(aside, dirname(path))}`;
        if (!destination.startsWith(wanted)) continue;
        const info = await stat(path).catch(() => undefined);
        if (info === undefined) continue;
        yield {
          destination: fileLocation(destination),
          handle: path.slice(dirname(path).length + 1),
          begunMs: info.mtimeMs,
        };
      }
    },
  };
}

/** Another writer's clean-up may remove the folder, or one above it while it is made, before the file is in it. */
async function createIn(path: string) {
  for (let left = 100; ; left -= 1) {
    try {
      await mkdir(dirname(path), { recursive: true });
      return await open(path, 'wx');
    } catch (cause) {
      if (!isCode(cause, 'ENOENT') || left === 0) throw cause;
    }
  }
}

function chunksOf(source: PendingSource): AsyncIterable<Uint8Array> {
  return 'path' in source ? createReadStream(source.path, { highWaterMark: 2 ** 20 }) : source;
}

/** Whether what stands at the path has the content of the file; undefined when nothing stands there. */
async function isStanding(path: string, file: PendingFile): Promise<boolean | undefined> {
  const info = await stat(path).catch((cause: unknown) => {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw cause;
  });
  if (info === undefined) return undefined;
  if (info.size !== file.sizeBytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex') === file.sha256;
}

/** A name is durable when its folder is. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((cause: unknown) => {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw cause;
  });
  if (entries === undefined) return;
  for await (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
