/**
 * Runs `work` over the items, at most `limit` at a time, pulling an item only when there is room for it: memory holds
 * the items in flight and no others. Once `mayStart` says no, the rest of the items stays in the iterator. Returns
 * when everything that was started has ended. `work` must not reject.
 * @throws whatever the iterator throws
 */
export async function forEachConcurrently<T>(
  items: AsyncIterator<T>,
  limit: number,
  mayStart: () => boolean,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let running = 0;
  let wake: (() => void) | undefined;
  const untilRunningBelow = async (bound: number): Promise<void> => {
    while (running >= bound)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  const start = async (item: T): Promise<void> => {
    running += 1;
    await work(item);
    running -= 1;
    wake?.();
  };
  try {
    while (mayStart()) {
      const next = await items.next();
      if (next.done) break;
      void start(next.value);
      await untilRunningBelow(limit);
    }
  } finally {
    await untilRunningBelow(1);
  }
}

/** Settles like the promise, or rejects with the signal's reason as soon as it fires. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Longest that one timer can wait, in milliseconds. */
const TIMER_LIMIT_MS = 2 ** 31 - 1;

/** Waits; rejects with the signal's reason when it fires. */
export async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0; left -= TIMER_LIMIT_MS)
    await sleepOnce(Math.min(left, TIMER_LIMIT_MS), signal);
}

function sleepOnce(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
