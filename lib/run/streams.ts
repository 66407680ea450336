/** Values that pass by in streams, held a few at a time. */

/** Texts as bytes, some of them at once. */
export async function* inText(texts: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  let buffered = '';
  for await (const text of texts) {
    buffered += text;
    if (buffered.length < 1 << 18) continue;
    yield encoder.encode(buffered);
    buffered = '';
  }
  yield encoder.encode(buffered);
}

export interface Neighbours<T> {
  /** Of the group, as `groupOf` gives it. */
  readonly index: number;
  /** To be read before the next group is asked for. */
  readonly values: AsyncIterable<T>;
}

/**
 * Neighbouring values of one group each.
 * @param groupOf is asked once for each value, in order; its answers never go back
 */
export async function* neighbours<T>(
  values: AsyncIterable<T>,
  groupOf: (value: T) => number,
): AsyncIterable<Neighbours<T>> {
  const source = values[Symbol.asyncIterator]();
  const take = async (): Promise<{ readonly value: T; readonly group: number } | undefined> => {
    const next = await source.next();
    return next.done === true ? undefined : { value: next.value, group: groupOf(next.value) };
  };
  let ahead = await take();
  async function* ofGroup(index: number): AsyncIterable<T> {
    while (ahead?.group === index) {
      yield ahead.value;
      ahead = await take();
    }
  }
  try {
    while (ahead !== undefined) {
      const index = ahead.group;
      yield { index, values: ofGroup(index) };
    }
  } finally {
    await source.return?.();
  }
}
