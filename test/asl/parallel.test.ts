import { describe, expect, it } from 'vitest';
import { call, definitionOf, named, outputOf, run, virtualTime } from './support.ts';

const branch = (name: string, state: object) => ({ StartAt: name, States: { [name]: state } });
const parallel = (branches: readonly object[], more: object = {}) =>
  definitionOf({ P: { Type: 'Parallel', Branches: branches, End: true, ...more } });

describe('Parallel', () => {
  it('gives the outputs of its branches in their order, whichever ends first', async () => {
    const slow = branch('A', { Type: 'Wait', Seconds: 10, Output: 'a', End: true });
    const fast = branch('B', { Type: 'Succeed', Output: 'b' });
    expect(await outputOf(parallel([slow, fast]))).toEqual(['a', 'b']);
  });

  it('hands its input, or its Arguments, to every branch', async () => {
    const branches = [branch('A', { Type: 'Succeed' }), branch('B', { Type: 'Succeed' })];
    expect(await outputOf(parallel(branches), { input: 1 })).toEqual([1, 1]);
    expect(
      await outputOf(parallel(branches, { Arguments: { a: '{% $states.input %}' } }), { input: 1 }),
    ).toEqual([{ a: 1 }, { a: 1 }]);
  });

  it('runs its branches at the same time', async () => {
    const time = virtualTime();
    const wait = (name: string) => branch(name, { Type: 'Wait', Seconds: 10, End: true });
    await outputOf(parallel([wait('A'), wait('B'), wait('C')]), time);
    expect(time.clock.now() - virtualTime().clock.now()).toBe(10_000);
  });

  it('fails with the error of the branch that fails first; the others start no state any more', async () => {
    let later = 0;
    const functions = {
      fail: async () => Promise.reject(named('Bad')),
      later: async () => {
        later += 1;
      },
    };
    const waiting = {
      StartAt: 'W',
      States: { W: { Type: 'Wait', Seconds: 100, Next: 'L' }, L: call('later') },
    };
    const result = await run(parallel([branch('A', call('fail')), waiting]), { functions });
    expect(result).toMatchObject({ status: 'FAILED', error: 'Bad' });
    expect(later).toBe(0);
  });

  it('lets a task that is running in another branch come to its end', async () => {
    const time = virtualTime();
    let ended = false;
    const functions = {
      fail: async () => Promise.reject(named('Bad')),
      long: async () => {
        await time.sleep(50_000, new AbortController().signal);
        ended = true;
      },
    };
    await run(parallel([branch('A', call('fail')), branch('B', call('long'))]), { functions, ...time });
    expect(ended).toBe(true);
  });

  it('is States.BranchFailed when the branch has no error name', async () => {
    expect(await run(parallel([branch('A', { Type: 'Fail' })]))).toMatchObject({
      error: 'States.BranchFailed',
    });
  });

  it('assigns from its result', async () => {
    const definition = definitionOf({
      P: {
        Type: 'Parallel',
        Branches: [branch('A', { Type: 'Succeed', Output: 5 })],
        Assign: { x: '{% $states.result[0] %}' },
        Next: 'S',
      },
      S: { Type: 'Succeed', Output: '{% $x %}' },
    });
    expect(await outputOf(definition)).toBe(5);
  });
});
