import { describe, expect, it } from 'vitest';
import type { TaskCall } from '../../lib/asl/index.ts';
import { call, definitionOf, outputOf, run, virtualTime } from './support.ts';

/** Never answers; tells whether it was told to stop. */
function hanging() {
  const seen: { call: TaskCall | undefined } = { call: undefined };
  const work = (_: unknown, taskCall: TaskCall) => {
    seen.call = taskCall;
    return new Promise<never>((_resolve, reject) => {
      taskCall.signal.addEventListener('abort', () => reject(taskCall.signal.reason));
    });
  };
  return { work, seen };
}

describe('TimeoutSeconds', () => {
  it('fails a task that takes longer with States.Timeout and tells the handler', async () => {
    const { work, seen } = hanging();
    const time = virtualTime();
    const result = await run(definitionOf({ T: call('work', { TimeoutSeconds: 60 }) }), {
      functions: { work },
      ...time,
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(time.sleeps[0]).toBe(60_000);
    expect(seen.call?.signal.aborted).toBe(true);
  });

  it('can be an expression', async () => {
    const time = virtualTime();
    const task = call('work', { TimeoutSeconds: '{% $states.input.limit %}' });
    await run(definitionOf({ T: task }), {
      functions: { work: hanging().work },
      input: { limit: 7 },
      ...time,
    });
    expect(time.sleeps[0]).toBe(7_000);
  });

  it('is an evaluation error when the expression gives no positive number', async () => {
    const task = call('work', { TimeoutSeconds: '{% 0 %}' });
    expect(await run(definitionOf({ T: task }))).toMatchObject({ error: 'States.QueryEvaluationError' });
  });

  it('counts each attempt alone', async () => {
    let calls = 0;
    const work = async (payload: unknown, taskCall: TaskCall) => {
      calls += 1;
      return calls === 1 ? hanging().work(payload, taskCall) : 'late but well';
    };
    const task = call('work', { TimeoutSeconds: 5, Retry: [{ ErrorEquals: ['States.Timeout'] }] });
    expect(await outputOf(definitionOf({ T: task }), { functions: { work } })).toBe('late but well');
  });

  it('goes on without a handler that does not heed its signal, and waits for it at the end no longer than the grace time', async () => {
    const time = virtualTime();
    const work = () => new Promise<never>(() => {});
    const options = { functions: { work }, ...time, graceMs: 2_000 };
    const task = call('work', {
      TimeoutSeconds: 5,
      Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'S' }],
      Next: 'S',
    });
    const result = await run(definitionOf({ T: task, S: { Type: 'Succeed', Output: 'went on' } }), options);
    expect(result.output).toBe('went on');
    expect(time.sleeps).toEqual([5_000, 2_000]);
  });
});

describe('HeartbeatSeconds', () => {
  it('fails a task that is silent with States.HeartbeatTimeout', async () => {
    const task = call('work', { HeartbeatSeconds: 10, TimeoutSeconds: 100 });
    const result = await run(definitionOf({ T: task }), { functions: { work: hanging().work } });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.HeartbeatTimeout' });
  });

  it('is kept up by heartbeats', async () => {
    const time = virtualTime();
    const work = async (_: unknown, taskCall: TaskCall) => {
      for (let beat = 0; beat < 5; beat += 1) {
        await time.sleep(8_000, taskCall.signal);
        taskCall.heartbeat();
      }
      return 'alive';
    };
    expect(
      await outputOf(definitionOf({ T: call('work', { HeartbeatSeconds: 10 }) }), {
        functions: { work },
        ...time,
      }),
    ).toBe('alive');
  });

  it('can be an expression, and is caught as States.Timeout', async () => {
    const task = call('work', {
      HeartbeatSeconds: '{% 1 + 1 %}',
      Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'S' }],
      Next: 'S',
    });
    const definition = definitionOf({ T: task, S: { Type: 'Succeed', Output: '{% $states.input.Error %}' } });
    expect(await outputOf(definition, { functions: { work: hanging().work } })).toBe(
      'States.HeartbeatTimeout',
    );
  });
});

describe('a call', () => {
  it('tells the handler who calls', async () => {
    const work = async (
      _: unknown,
      { resource, stateName, executionName, executionArn, retryCount }: TaskCall,
    ) => ({
      resource,
      stateName,
      executionName,
      executionArn,
      retryCount,
    });
    expect(await outputOf(definitionOf({ T: call('work') }), { functions: { work }, name: 'run-1' })).toEqual(
      {
        resource: 'arn:aws:states:::lambda:invoke',
        stateName: 'T',
        executionName: 'run-1',
        executionArn: 'arn:aws:states:local:000000000000:execution:machine:run-1',
        retryCount: 0,
      },
    );
  });

  it('gives null for a function that returns nothing', async () => {
    expect(
      await outputOf(definitionOf({ T: call('work') }), { functions: { work: async () => undefined } }),
    ).toBe(null);
  });

  it('passes an empty payload when Arguments has none', async () => {
    const task = call('work', { Arguments: { FunctionName: 'work' } });
    expect(
      await outputOf(definitionOf({ T: task }), {
        functions: { work: async (payload) => payload },
        input: 5,
      }),
    ).toEqual({});
  });
});

describe('TimeoutSeconds of the machine', () => {
  it('ends the execution as TIMED_OUT, past any Catch', async () => {
    const task = call('work', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S' }], Next: 'S' });
    const definition = definitionOf({ T: task, S: { Type: 'Succeed' } }, { TimeoutSeconds: 10 });
    const result = await run(definition, { functions: { work: hanging().work } });
    expect(result).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout', output: undefined });
  });

  it('does nothing to an execution that ends in time', async () => {
    expect(await run(definitionOf({ S: { Type: 'Succeed' } }, { TimeoutSeconds: 10 }))).toMatchObject({
      status: 'SUCCEEDED',
    });
  });
});
