import { expect, test } from 'vitest';
import { ahead } from '../../lib/run/ahead.ts';

async function* numbers(count: number): AsyncIterable<number> {
  for (let value = 0; value < count; value += 1) yield value;
}

test('results come in the order of the values, however long each takes, and never more at once than allowed', async () => {
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const results: number[] = [];
  const all = (async () => {
    for await (const value of ahead(numbers(20), 4, async (one) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => release.push(resolve));
      running -= 1;
      return one;
    }))
      results.push(value);
  })();
  // The last one that waits is let go first.
  while (results.length < 20) {
    release.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await all;
  expect(results).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(most).toBe(4);
});

test('a failure is the one of its value, after the results before it', async () => {
  const seen: number[] = [];
  let started = 0;
  const run = async () => {
    for await (const value of ahead(numbers(100), 3, async (one) => {
      started += 1;
      if (one >= 5) throw new Error(`no ${one}`);
      return one;
    }))
      seen.push(value);
  };
  await expect(run()).rejects.toThrow('no 5');
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(started).toBeLessThan(10);
});

test('a caller that stops early leaves nothing under way', async () => {
  let running = 0;
  for await (const value of ahead(numbers(50), 5, async (one) => {
    running += 1;
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return one;
  }))
    if (value === 2) break;
  expect(running).toBe(0);
});
