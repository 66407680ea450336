import { StoreUnavailableError } from '../../lib/errors.ts';
import type { ObjectStore, PendingWrites } from '../../lib/stores/ports.ts';
import { collectBytes } from '../../lib/stores/s3/read.ts';
import { content } from './site.ts';

/** What happens to one call of a port; `late`: nobody hears of it, and it has its effect some calls later. */
export type FaultKind = 'before' | 'after' | 'late';

export interface Faults {
  /** undefined: the call goes through. */
  next(call: string): FaultKind | undefined;
  /** How many calls a late effect waits. */
  delay(): number;
}

export interface FaultyPorts {
  readonly store: ObjectStore;
  readonly pending: PendingWrites;
  /** Lets everything that is late have its effect. */
  settle(): Promise<void>;
}

/** Ports whose calls fail before their effect, after it, or have it when nobody expects it any more. */
export function faultyPorts(
  { store, pending }: { readonly store: ObjectStore; readonly pending: PendingWrites },
  faults: Faults,
): FaultyPorts {
  let late: { calls: number; readonly effect: () => Promise<unknown> }[] = [];

  async function runLate(due: (calls: number) => boolean): Promise<void> {
    for (const one of late) one.calls -= 1;
    const ready = late.filter(({ calls }) => due(calls));
    late = late.filter((one) => !ready.includes(one));
    for (const { effect } of ready) await effect().catch(() => undefined);
  }

  async function call<T>(name: string, effect: () => Promise<T>): Promise<T> {
    await runLate((calls) => calls <= 0);
    const kind = faults.next(name);
    const failure = new StoreUnavailableError(`${name} failed ${kind}`);
    switch (kind) {
      case undefined:
        return effect();
      case 'before':
        throw failure;
      case 'after':
        await effect();
        throw failure;
      case 'late':
        late.push({ calls: faults.delay(), effect });
        throw failure;
    }
  }

  return {
    settle: () => runLate(() => true),
    store: {
      ...store,
      read: (location) => call('read', () => store.read(location)),
      head: (location) => call('head', () => store.head(location)),
      delete: (location) => call('delete', () => store.delete(location)),
      write: async (location, bytes, options) => {
        const whole = bytes instanceof Uint8Array ? bytes : await collectBytes(bytes);
        return call('write', () => store.write(location, whole, options));
      },
      async *list(prefix) {
        await call('list', async () => undefined);
        yield* store.list(prefix);
      },
      async *readLines(location) {
        await call('readLines', async () => undefined);
        yield* store.readLines(location);
      },
    },
    pending: {
      write: async (destination, source, options) => {
        if ('path' in source) throw new TypeError('streams only');
        const text = new TextDecoder().decode(await collectBytes(source));
        return call('begin', () => pending.write(destination, content(text), options));
      },
      complete: (file) => call('complete', () => pending.complete(file)),
      abort: (begun) => call('abort', () => pending.abort(begun)),
      async *list(prefix) {
        await call('listPending', async () => undefined);
        yield* pending.list(prefix);
      },
    },
  };
}
