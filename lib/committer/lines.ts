import { createHash } from 'node:crypto';
import { ahead } from '../run/ahead.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { damaged, formatVersion, parse } from './records.ts';

/**
 * The job pendingset and the commit record: a line that says what it is, a line for each thing, and a line of totals,
 * without which the record is not whole. Written and read as a stream.
 */
export interface Header {
  readonly formatVersion: number;
  readonly run: string;
  readonly outcome: 'commit' | 'abort';
  readonly attempt: number;
  readonly epoch: number;
  readonly atMs: number;
}

export interface Totals {
  readonly tasks: number;
  readonly files: number;
  readonly bytes: number;
  /** Tells one set of task names from another, whatever their order. */
  readonly names: string;
}

/** What a line adds to the totals. */
export interface Counted {
  readonly task: string;
  readonly files: number;
  readonly bytes: number;
}

export async function* encodeLines<T extends Counted>(
  header: Omit<Header, 'formatVersion'>,
  items: AsyncIterable<T>,
  done: (totals: Totals) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const line = (value: object) => encoder.encode(`${JSON.stringify(value)}\n`);
  yield line({ formatVersion, ...header });
  const count = counter();
  for await (const item of items) {
    count.add(item);
    yield line(item);
  }
  done(count.totals());
  yield line({ totals: count.totals() });
}

/** A task may have lines of its own one after the other, and counts once. */
function counter() {
  let [tasks, files, bytes] = [0, 0, 0];
  let last: string | undefined;
  const names = new Names();
  return {
    add(item: Counted): void {
      if (item.task !== last) {
        tasks += 1;
        names.add(item.task);
      }
      last = item.task;
      files += item.files;
      bytes += item.bytes;
    },
    totals: (): Totals => ({ tasks, files, bytes, names: names.digest() }),
  };
}

/** A digest of names that does not depend on their order: the sum of their hashes, byte by byte. */
export class Names {
  readonly #sum = Buffer.alloc(32);

  add(name: string): void {
    const hash = createHash('sha256').update(name).digest();
    for (let at = 0; at < hash.length; at += 1) this.#sum[at] = (this.#sum[at] ?? 0) + (hash[at] ?? 0);
  }

  digest(): string {
    return this.#sum.toString('hex');
  }
}

/** @throws ObjectNotFoundError */
export async function readHeader(store: ObjectStore, location: Location): Promise<Header> {
  for await (const text of store.readLines(location)) return parse(location, text);
  throw damaged(location);
}

/**
 * The lines between header and totals; returns the totals.
 * @throws CorruptStateError after the last line when they are not all there
 */
export async function* readItems<T extends Counted>(
  store: ObjectStore,
  location: Location,
): AsyncGenerator<T, Totals> {
  let header: Header | undefined;
  let totals: Totals | undefined;
  const count = counter();
  for await (const text of store.readLines(location)) {
    if (header === undefined) {
      header = parse<Header>(location, text);
      continue;
    }
    if (totals !== undefined) throw damaged(location);
    const item = parseLine<T>(location, text);
    if ('totals' in item) {
      totals = item.totals;
      continue;
    }
    count.add(item);
    yield item;
  }
  if (totals === undefined || JSON.stringify(totals) !== JSON.stringify(count.totals()))
    throw damaged(location);
  return totals;
}

function parseLine<T>(location: Location, text: string): T | { readonly totals: Totals } {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(location, cause);
  }
}

/** The totals of a record that is read for nothing else. */
export async function readTotals(store: ObjectStore, location: Location): Promise<Totals> {
  const items = readItems(store, location);
  for (;;) {
    const { done, value } = await items.next();
    if (done === true) return value;
  }
}

/** `action` on all values, some at once, for its effect. */
export async function forEachAhead<T>(
  values: AsyncIterable<T>,
  concurrency: number,
  action: (value: T) => Promise<unknown>,
): Promise<void> {
  for await (const _ of ahead(values, concurrency, action));
}
