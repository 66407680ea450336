import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UnitTooLargeError } from '../../errors.ts';
import type { ByteRange, ChooseRanges, Location } from '../ports.ts';
import type { S3Context } from './context.ts';
import { fetchTo, type ObjectState, pinnedTo, type ReadBytes, stateOf, tailOf } from './fetch.ts';
import { collectBytes, readBytes } from './read.ts';

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

/** Local copies of objects. */
export interface Copies {
  /** A location always has the same path, so that an engine's `filename` can be told apart. */
  path(location: Location, version?: string): Promise<string>;
  /** A copy of some ranges and of the last bytes, at a path of its own; the whole copy where there is one. */
  part(location: Location, choose: ChooseRanges, tailBytes?: number): Promise<string>;
  /** Drops every copy over the limit, for a caller who knows that none is being read. */
  trim(): Promise<void>;
  close(): Promise<void>;
}

interface Copy {
  readonly path: string;
  readonly etag: string;
  /** Length of the object, and so of the file. */
  readonly sizeBytes: number;
  readonly fetchedBytes: number;
  usedMs: number;
}

export async function openCopies(options: CopiesOptions): Promise<Copies> {
  const { context, folder } = options;
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  /** By location, and for parts by what is in them. */
  const copies = new Map<string, Copy>();
  const fetching = new Map<string, Promise<Copy>>();

  async function drop(keepMs: number): Promise<void> {
    let total = 0;
    for (const copy of copies.values()) total += copy.fetchedBytes;
    const oldest = [...copies].sort(([, left], [, right]) => left.usedMs - right.usedMs);
    for (const [name, copy] of oldest) {
      if (total <= options.maxBytes) return;
      if (copy.usedMs > options.now() - keepMs) continue;
      copies.delete(name);
      total -= copy.fetchedBytes;
      await rm(copy.path, { force: true });
    }
  }

  async function known(name: string, { etag }: ObjectState): Promise<Copy | undefined> {
    const copy = copies.get(name);
    if (copy === undefined || copy.etag !== etag || !(await isThere(copy))) return undefined;
    copy.usedMs = options.now();
    return copy;
  }

  async function fetchCopy(
    name: string,
    location: Location,
    state: ObjectState,
    ranges: readonly ByteRange[],
    known: readonly ReadBytes[] = [],
  ): Promise<Copy> {
    const path = join(folder, fileName(name, location));
    const temporary = `${path}.${context.newId()}.part`;
    try {
      await fetchTo({ context, location, state, ranges, known, path: temporary });
      await rename(temporary, path);
    } catch (error) {
      throw isDiskFull(error)
        ? new UnitTooLargeError(`${location} (${state.sizeBytes} bytes) does not fit the work folder`, {
            cause: error,
            details: { location, sizeBytes: state.sizeBytes, folder },
            safe: 'the fetched part was removed',
          })
        : error;
    } finally {
      await rm(temporary, { force: true });
    }
    const { etag, sizeBytes } = state;
    const copy: Copy = {
      path,
      etag,
      sizeBytes,
      fetchedBytes: lengthOf(ranges, known),
      usedMs: options.now(),
    };
    copies.set(name, copy);
    await drop(options.keepMs);
    return copy;
  }

  /** Whoever asks for the same copy meanwhile waits for it. */
  async function once(name: string, fetchIt: () => Promise<Copy>): Promise<string> {
    let copy = fetching.get(name);
    if (copy === undefined) {
      copy = fetchIt().finally(() => fetching.delete(name));
      fetching.set(name, copy);
    }
    return (await copy).path;
  }

  return {
    path: async (location, version) => {
      context.root.place(location);
      return await once(JSON.stringify([location, version]), async () => {
        const state = await stateOf(context, location, version);
        return (
          (await known(location, state)) ??
          (await fetchCopy(location, location, state, [{ from: 0, to: state.sizeBytes }]))
        );
      });
    },
    part: async (location, choose, tailBytes = 0) => {
      context.root.place(location);
      const first =
        tailBytes > 0 && !copies.has(location) ? await tailOf(context, location, tailBytes) : undefined;
      const state = first?.state ?? (await stateOf(context, location, undefined));
      const whole = await known(location, state);
      if (whole !== undefined) return whole.path;
      const read: ReadBytes[] = first === undefined ? [] : [first.tail];
      const chosen = await choose({
        sizeBytes: state.sizeBytes,
        read: async (range) => {
          const there = within(read, range);
          if (there !== undefined) return there;
          const bytes = await collectBytes(readBytes(context, { ...pinnedTo(location, state), ...range }));
          read.push({ from: range.from, bytes });
          return bytes;
        },
      });
      const ranges = missing(merged(chosen), read);
      const name = JSON.stringify([location, ranges, read.map(({ from, bytes }) => [from, bytes.length])]);
      return await once(
        name,
        async () => (await known(name, state)) ?? (await fetchCopy(name, location, state, ranges, read)),
      );
    },
    trim: () => drop(0),
    close: async () => {
      copies.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ascending, none touching another. */
function merged(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const found: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = found.at(-1);
    if (last === undefined || range.from > last.to) found.push(range);
    else found[found.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
  }
  return found;
}

/** The bytes of a range that were read already; undefined unless all were, by one read. */
function within(read: readonly ReadBytes[], { from, to }: ByteRange): Uint8Array | undefined {
  const found = read.find((one) => one.from <= from && to <= one.from + one.bytes.length);
  return found?.bytes.subarray(from - found.from, to - found.from);
}

/** What of the ranges was not read yet. */
function missing(ranges: readonly ByteRange[], read: readonly ReadBytes[]): readonly ByteRange[] {
  return read.reduce<readonly ByteRange[]>((left, { from, bytes }) => {
    const to = from + bytes.length;
    return left.flatMap((range) =>
      [
        { from: range.from, to: Math.min(range.to, from) },
        { from: Math.max(range.from, to), to: range.to },
      ].filter((one) => one.from < one.to),
    );
  }, ranges);
}

function lengthOf(ranges: readonly ByteRange[], known: readonly ReadBytes[]): number {
  return (
    ranges.reduce((sum, { from, to }) => sum + to - from, 0) +
    known.reduce((sum, { bytes }) => sum + bytes.length, 0)
  );
}

async function isThere(copy: Copy): Promise<boolean> {
  const found = await stat(copy.path).catch(() => undefined);
  return found?.size === copy.sizeBytes;
}

/** The object's own name stays readable at the end, since readers look at what it ends in. */
function fileName(copy: string, location: Location): string {
  const hash = createHash('sha256').update(copy).digest('hex').slice(0, 24);
  const name = (location.split('/').at(-1) ?? '').replaceAll(/[^\w.=-]/g, '_').slice(-80);
  return `${hash}-${name}`;
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}
