import type { EngineSession } from '../engine/engine.ts';

interface SideBySideOptions {
  readonly threads: number;
  /** Engine memory of all sessions together. */
  readonly memoryBytes: number;
  readonly signal?: AbortSignal;
  readonly open: (share: {
    readonly threads: number;
    readonly memoryBytes: number;
  }) => Promise<EngineSession>;
}

/**
 * As many sessions as there are threads, each with its share of the memory and one value at a time; a single value gets
 * everything.
 */
export async function sideBySide<T>(
  options: SideBySideOptions,
  values: AsyncIterable<T>,
  action: (session: EngineSession, value: T) => Promise<void>,
): Promise<void> {
  const iterator = values[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  /** One caller at a time: an async generator must not be asked again while it works. */
  const next = (): Promise<IteratorResult<T>> => {
    const mine = turn.then(() => iterator.next());
    turn = mine.catch(() => undefined);
    return mine;
  };
  const first = await next();
  if (first.done === true) return;
  const second = await next();
  const workers = second.done === true ? 1 : Math.max(1, Math.floor(options.threads));
  const queue = [first, second];
  let failed = false;
  const take = async (): Promise<IteratorResult<T>> => queue.shift() ?? (await next());
  const work = async () => {
    await using session = await options.open({
      threads: Math.max(1, Math.floor(options.threads / workers)),
      memoryBytes: Math.floor(options.memoryBytes / workers),
    });
    for (let at = await take(); at.done !== true && !failed; at = await take()) {
      options.signal?.throwIfAborted();
      await action(session, at.value);
    }
  };
  const works = Array.from({ length: workers }, async () => {
    try {
      await work();
    } catch (error) {
      failed = true;
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(works);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
