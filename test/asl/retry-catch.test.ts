import { describe, expect, it } from 'vitest';
import { call, definitionOf, named, outputOf, run, virtualTime } from './support.ts';

/** A function that fails with the given errors, in turn, then answers. */
function failing(...errors: readonly string[]) {
  const left = [...errors];
  let calls = 0;
  const work = async () => {
    calls += 1;
    const next = left.shift();
    return next === undefined ? 'done' : Promise.reject(named(next));
  };
  return { work, calls: () => calls };
}

async function retried(
  retry: readonly object[],
  errors: readonly string[],
  random: () => number = () => 0.5,
) {
  const time = virtualTime();
  const { work, calls } = failing(...errors);
  const result = await run(definitionOf({ T: call('work', { Retry: retry }) }), {
    functions: { work },
    ...time,
    random,
  });
  return {
    status: result.status,
    error: result.error,
    calls: calls(),
    sleeps: time.sleeps.map((ms) => ms / 1_000),
  };
}

describe('Retry', () => {
  it('waits 1, 2 and 4 seconds and gives up after 3 retries by default', async () => {
    expect(await retried([{ ErrorEquals: ['E'] }], ['E', 'E', 'E', 'E'])).toEqual({
      status: 'FAILED',
      error: 'E',
      calls: 4,
      sleeps: [1, 2, 4],
    });
  });

  it('succeeds when a retry does', async () => {
    expect(await retried([{ ErrorEquals: ['E'] }], ['E'])).toMatchObject({ status: 'SUCCEEDED', calls: 2 });
  });

  it('obeys IntervalSeconds, BackoffRate and MaxAttempts', async () => {
    const retry = [{ ErrorEquals: ['E'], IntervalSeconds: 3, BackoffRate: 1.5, MaxAttempts: 2 }];
    expect(await retried(retry, ['E', 'E', 'E'])).toMatchObject({ calls: 3, sleeps: [3, 4.5] });
  });

  it('never retries with MaxAttempts 0', async () => {
    const retry = [{ ErrorEquals: ['E'], MaxAttempts: 0 }, { ErrorEquals: ['States.ALL'] }];
    expect(await retried(retry, ['E'])).toMatchObject({ status: 'FAILED', calls: 1 });
  });

  it('caps the wait at MaxDelaySeconds', async () => {
    const retry = [{ ErrorEquals: ['E'], MaxDelaySeconds: 3, MaxAttempts: 4 }];
    expect(await retried(retry, ['E', 'E', 'E', 'E'])).toMatchObject({ sleeps: [1, 2, 3, 3] });
  });

  it('draws from the whole interval with full jitter', async () => {
    const retry = [{ ErrorEquals: ['E'], IntervalSeconds: 10, JitterStrategy: 'FULL' }];
    expect(await retried(retry, ['E', 'E'], () => 0.25)).toMatchObject({ sleeps: [2.5, 5] });
    const none = [{ ErrorEquals: ['E'], IntervalSeconds: 10, JitterStrategy: 'NONE' }];
    expect(await retried(none, ['E', 'E'], () => 0.25)).toMatchObject({ sleeps: [10, 20] });
  });

  it('counts each retrier alone, and the first that matches decides', async () => {
    const retry = [
      { ErrorEquals: ['A', 'B'], MaxAttempts: 2 },
      { ErrorEquals: ['C'], IntervalSeconds: 5 },
    ];
    expect(await retried(retry, ['A', 'B', 'C', 'B'])).toEqual({
      status: 'FAILED',
      error: 'B',
      calls: 4,
      sleeps: [1, 2, 5],
    });
  });

  it('does not retry an error that no retrier names', async () => {
    expect(await retried([{ ErrorEquals: ['A'] }], ['B'])).toMatchObject({ status: 'FAILED', calls: 1 });
  });

  it('forgets the counts when the state is left', async () => {
    let calls = 0;
    const everySecond = async () => {
      calls += 1;
      return calls % 2 === 1 ? Promise.reject(named('E')) : calls;
    };
    const task = call('work', { Retry: [{ ErrorEquals: ['E'], MaxAttempts: 1 }], Next: 'C' });
    const definition = definitionOf({
      T: task,
      C: { Type: 'Choice', Choices: [{ Condition: '{% $states.input < 6 %}', Next: 'T' }], Default: 'S' },
      S: { Type: 'Succeed' },
    });
    expect(await outputOf(definition, { functions: { work: everySecond } })).toBe(6);
  });

  it('retries an error of Output: it belongs to the attempt', async () => {
    const { work, calls } = failing();
    const task = call('work', {
      Output: '{% $nobody %}',
      Retry: [{ ErrorEquals: ['States.QueryEvaluationError'], MaxAttempts: 1 }],
    });
    expect(await run(definitionOf({ T: task }), { functions: { work } })).toMatchObject({
      error: 'States.QueryEvaluationError',
    });
    expect(calls()).toBe(2);
  });

  it('starts a Parallel anew', async () => {
    const first = failing('E');
    const second = failing();
    const branch = (name: string) => ({ StartAt: name, States: { [name]: call(name) } });
    const parallel = {
      Type: 'Parallel',
      Branches: [branch('a'), branch('b')],
      Retry: [{ ErrorEquals: ['E'] }],
      End: true,
    };
    const functions = { a: first.work, b: second.work };
    expect(await outputOf(definitionOf({ P: parallel }), { functions })).toEqual(['done', 'done']);
    expect([first.calls(), second.calls()]).toEqual([2, 2]);
  });
});

describe('Catch', () => {
  const caught = (catchers: readonly object[], error: string, more: object = {}) =>
    outputOf(
      definitionOf({
        T: call('work', { Catch: catchers, Assign: { x: 1 }, Next: 'Ok', ...more }),
        Ok: { Type: 'Succeed', Output: 'ok' },
        One: {
          Type: 'Succeed',
          Output: "{% {'at': 'One', 'in': $states.input, 'x': $exists($x) ? $x : 0} %}",
        },
        Two: { Type: 'Succeed', Output: "{% {'at': 'Two', 'in': $states.input} %}" },
      }),
      { functions: { work: failing(error).work }, input: { a: 1 } },
    );
  const two = { ErrorEquals: ['States.ALL'], Next: 'Two' };

  it('goes to Next with the error output', async () => {
    expect(await caught([{ ErrorEquals: ['E'], Next: 'One' }, two], 'E')).toEqual({
      at: 'One',
      in: { Error: 'E', Cause: '{"errorType":"E","errorMessage":"no reason"}' },
      x: 0,
    });
  });

  it('takes the first catcher that matches', async () => {
    expect(await caught([{ ErrorEquals: ['E'], Next: 'One' }, two], 'Other')).toMatchObject({ at: 'Two' });
  });

  it('has an Output and an Assign of its own, which see input and error', async () => {
    const catcher = {
      ErrorEquals: ['E'],
      Next: 'One',
      Output: '{% [$states.input.a, $states.errorOutput.Error] %}',
      Assign: { x: '{% $states.errorOutput.Error %}' },
    };
    expect(await caught([catcher, two], 'E')).toEqual({ at: 'One', in: [1, 'E'], x: 'E' });
  });

  it('comes after the retries', async () => {
    const { work, calls } = failing('E', 'E', 'E');
    const task = call('work', {
      Retry: [{ ErrorEquals: ['E'], MaxAttempts: 2 }],
      Catch: [{ ErrorEquals: ['E'], Next: 'S' }],
      Next: 'S',
    });
    expect(
      await outputOf(definitionOf({ T: task, S: { Type: 'Succeed' } }), { functions: { work } }),
    ).toMatchObject({ Error: 'E' });
    expect(calls()).toBe(3);
  });

  it('lets the error through when none matches', async () => {
    const task = call('work', { Catch: [{ ErrorEquals: ['Other'], Next: 'S' }], Next: 'S' });
    const result = await run(definitionOf({ T: task, S: { Type: 'Succeed' } }), {
      functions: { work: failing('E').work },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'E' });
  });

  it('fails the state when its own Output cannot be evaluated', async () => {
    const task = call('work', {
      Catch: [{ ErrorEquals: ['E'], Output: '{% $nobody %}', Next: 'S' }],
      Next: 'S',
    });
    const result = await run(definitionOf({ T: task, S: { Type: 'Succeed' } }), {
      functions: { work: failing('E').work },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
  });

  it('never takes States.DataLimitExceeded, not even by States.ALL', async () => {
    const task = call('work', {
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S' }],
      Retry: [{ ErrorEquals: ['States.ALL'] }],
      Next: 'S',
    });
    const work = async () => 'x'.repeat(300_000);
    const result = await run(definitionOf({ T: task, S: { Type: 'Succeed' } }), { functions: { work } });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
  });
});
