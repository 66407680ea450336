/**
 * `action` over all values, a bounded number of them at once, results in the values' order: for reads whose time is
 * waiting. After a failure no further value is taken; the results before it have been yielded.
 */
export async function* ahead<T, R>(
  values: AsyncIterable<T>,
  concurrency: number,
  action: (value: T) => Promise<R>,
): AsyncIterable<R> {
  const waiting: Promise<R>[] = [];
  try {
    for await (const value of values) {
      const result = action(value);
      // Whoever waits for it hears of its failure; until then it is nobody's.
      result.catch(() => undefined);
      waiting.push(result);
      const [first] = waiting;
      if (waiting.length < concurrency || first === undefined) continue;
      yield await first;
      waiting.shift();
    }
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      yield await first;
      waiting.shift();
    }
  } finally {
    // What is under way ends before the caller goes on.
    await Promise.allSettled(waiting);
  }
}
