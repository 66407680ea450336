import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { UnitTooLargeError } from '../errors.ts';
import { statusOf } from './aws-errors.ts';
import type { Location } from './ports.ts';
import { isMissing, mustHaveBucket, objectFailure, type S3Context } from './s3-context.ts';
import { changed, readBytes } from './s3-read.ts';

export interface CopiesOptions {
  readonly context: S3Context;
  /** Absolute folder of this store's own: what it does not know is removed when it opens. */
  readonly folder: string;
  /** Copies are dropped, the longest unused first, when together they are larger. */
  readonly maxBytes: number;
  /** A copy that was handed out less than this ago may still be read and is not dropped. */
  readonly keepMs: number;
  readonly now: () => number;
}

/** Local copies of objects. A location always has the same path, so that an engine's `filename` can be told apart. */
export interface Copies {
  path(location: Location, version?: string): Promise<string>;
  /** Drops every copy over the limit, for a caller who knows that none is being read. */
  trim(): Promise<void>;
  close(): Promise<void>;
}

interface Copy {
  readonly path: string;
  readonly etag: string;
  readonly sizeBytes: number;
  usedMs: number;
}

export async function openCopies(options: CopiesOptions): Promise<Copies> {
  const { context, folder } = options;
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  const copies = new Map<Location, Copy>();
  const fetching = new Map<string, Promise<Copy>>();

  async function drop(keepMs: number): Promise<void> {
    let total = 0;
    for (const copy of copies.values()) total += copy.sizeBytes;
    const oldest = [...copies].sort(([, left], [, right]) => left.usedMs - right.usedMs);
    for (const [location, copy] of oldest) {
      if (total <= options.maxBytes) return;
      if (copy.usedMs > options.now() - keepMs) continue;
      copies.delete(location);
      total -= copy.sizeBytes;
      await rm(copy.path, { force: true });
    }
  }

  async function fetchCopy(location: Location, version: string | undefined): Promise<Copy> {
    const state = await stateOf(context, location, version);
    const known = copies.get(location);
    if (known !== undefined && known.etag === state.etag && (await isThere(known))) {
      known.usedMs = options.now();
      return known;
    }
    const path = join(folder, fileName(location));
    const part = `${path}.${context.newId()}.part`;
    try {
      await fetchTo(context, location, state, part);
      await rename(part, path);
    } catch (error) {
      throw isDiskFull(error)
        ? new UnitTooLargeError(`${location} (${state.sizeBytes} bytes) does not fit the work folder`, {
            cause: error,
            details: { location, sizeBytes: state.sizeBytes, folder },
            safe: 'the fetched part was removed',
          })
        : error;
    } finally {
      await rm(part, { force: true });
    }
    const copy: Copy = { path, etag: state.etag, sizeBytes: state.sizeBytes, usedMs: options.now() };
    copies.set(location, copy);
    await drop(options.keepMs);
    return copy;
  }

  return {
    path: async (location, version) => {
      context.root.place(location);
      const name = JSON.stringify([location, version]);
      let copy = fetching.get(name);
      if (copy === undefined) {
        copy = fetchCopy(location, version).finally(() => fetching.delete(name));
        fetching.set(name, copy);
      }
      return (await copy).path;
    },
    trim: () => drop(0),
    close: async () => {
      copies.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface ObjectState {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly versionId?: string;
}

/** The state to fetch: the version asked for, else what the key holds now. */
async function stateOf(
  context: S3Context,
  location: Location,
  version: string | undefined,
): Promise<ObjectState> {
  const { bucket, key } = context.root.place(location);
  const wanted = version === undefined ? {} : versionOf(version);
  const { versionId } = wanted;
  try {
    const head = await context.client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId, IfMatch: wanted.etag }),
    );
    const etag = head.ETag ?? '';
    if (wanted.etag !== undefined && etag !== wanted.etag) throw changed(location, undefined);
    return { etag, sizeBytes: head.ContentLength ?? 0, ...(versionId === undefined ? {} : { versionId }) };
  } catch (error) {
    if (isMissing(error)) await mustHaveBucket(context, location);
    // A version that is gone is as good as overwritten: whoever asked for it cannot have it.
    if (statusOf(error) === 412 || (version !== undefined && isMissing(error)))
      throw changed(location, error);
    throw objectFailure(error, 's3:GetObject', location);
  }
}

/**
 * An intake item's version is an S3 version id, an ETag (32 hexadecimal digits, `-` and a number after a multipart
 * upload, quoted or not), or a SHA-256 of the content, which whoever prepares the object compares.
 */
function versionOf(version: string): { readonly etag?: string; readonly versionId?: string } {
  const bare = version.replaceAll('"', '');
  if (/^[0-9a-f]{32}(-\d+)?$/.test(bare)) return { etag: `"${bare}"` };
  return /^[0-9a-f]{64}$/.test(bare) ? {} : { versionId: version };
}

/** Ranges side by side into one file, each pinned to the state that was seen. */
async function fetchTo(
  context: S3Context,
  location: Location,
  state: ObjectState,
  path: string,
): Promise<void> {
  await using file = await open(path, 'wx');
  await file.truncate(state.sizeBytes);
  const pin = {
    location,
    etag: state.etag,
    ...(state.versionId === undefined ? {} : { versionId: state.versionId }),
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < state.sizeBytes) {
      const from = next;
      next = Math.min(from + context.partBytes, state.sizeBytes);
      const to = next;
      let at = from;
      for await (const chunk of readBytes(context, { ...pin, from, to })) {
        await writeAt(file, chunk, at);
        at += chunk.length;
      }
      if (at !== to) throw changed(location, undefined);
    }
  };
  const workers = Math.min(context.parallel, Math.ceil(state.sizeBytes / context.partBytes));
  await Promise.all(Array.from({ length: workers }, worker));
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

async function isThere(copy: Copy): Promise<boolean> {
  const found = await stat(copy.path).catch(() => undefined);
  return found?.size === copy.sizeBytes;
}

/** The object's own name stays readable at the end, since readers look at what it ends in. */
function fileName(location: Location): string {
  const hash = createHash('sha256').update(location).digest('hex').slice(0, 24);
  const name = (location.split('/').at(-1) ?? '').replaceAll(/[^\w.=-]/g, '_').slice(-80);
  return `${hash}-${name}`;
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}
