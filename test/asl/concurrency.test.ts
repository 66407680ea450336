import { describe, expect, it } from 'vitest';
import { forEachConcurrently, orAborted, sleepFor } from '../../lib/asl/concurrency.ts';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index += 1) yield index;
}

describe('forEachConcurrently', () => {
  it('works on every item, never on more than the limit', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await forEachConcurrently(
      numbers(20),
      3,
      () => true,
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        done.push(item);
      },
    );
    expect([done.length, most]).toEqual([20, 3]);
  });

  it('leaves the rest in the iterator once nothing may start', async () => {
    const items = numbers(10);
    const done: number[] = [];
    await forEachConcurrently(
      items,
      1,
      () => done.length < 4,
      async (item) => void done.push(item),
    );
    expect([done, (await items.next()).value]).toEqual([[0, 1, 2, 3], 4]);
  });

  it('awaits what it has started before it passes on an error of the iterator', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      throw new Error('unreadable');
    }
    let ended = false;
    const work = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      ended = true;
    };
    await expect(forEachConcurrently(failing(), 5, () => true, work)).rejects.toThrow('unreadable');
    expect(ended).toBe(true);
  });
});

describe('orAborted', () => {
  it('settles like the promise', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(orAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('rejects with the reason of the signal, before or while it waits', async () => {
    const control = new AbortController();
    const waiting = orAborted(new Promise(() => {}), control.signal);
    control.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(orAborted(Promise.resolve(1), control.signal)).rejects.toThrow('enough');
  });
});

describe('sleepFor', () => {
  it('ends by itself, and by the signal with its reason', async () => {
    const control = new AbortController();
    await sleepFor(1, control.signal);
    const long = sleepFor(2 ** 40, control.signal);
    control.abort(new Error('woken'));
    await expect(long).rejects.toThrow('woken');
    await expect(sleepFor(1, control.signal)).rejects.toThrow('woken');
  });
});
