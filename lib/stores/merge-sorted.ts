/** Merges streams that are each in order into one that is; holds one item of each. */
export async function* mergeSorted<T>(
  streams: readonly AsyncIterable<T>[],
  compare: (left: T, right: T) => number,
): AsyncGenerator<T> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
  try {
    for (;;) {
      let least = -1;
      for (const [index, head] of heads.entries()) {
        const best = heads[least];
        if (head.done === true) continue;
        if (best === undefined || best.done === true || compare(head.value, best.value) < 0) least = index;
      }
      const head = heads[least];
      const iterator = iterators[least];
      if (head === undefined || head.done === true || iterator === undefined) return;
      yield head.value;
      heads[least] = await iterator.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}
