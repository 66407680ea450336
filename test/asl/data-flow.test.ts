import { describe, expect, it } from 'vitest';
import { call, definitionOf, distributedMap, lines, memoryObjects, named, outputOf, run } from './support.ts';

const functions = { echo: async (payload: unknown) => payload, give: async () => ({ value: 7 }) };

describe('Arguments', () => {
  it('are the input when a task has none', async () => {
    const resource = 'arn:aws:states:::x:echo';
    const definition = definitionOf({ T: { Type: 'Task', Resource: resource, End: true } });
    expect(
      await outputOf(definition, { input: { a: 1 }, tasks: { [resource]: async (given) => given } }),
    ).toEqual({ a: 1 });
  });

  it('are evaluated from input, variables and context', async () => {
    const definition = definitionOf({
      A: { Type: 'Pass', Assign: { v: 2 }, Next: 'T' },
      T: call('echo', {
        Arguments: {
          FunctionName: 'echo',
          Payload: { i: '{% $states.input.i %}', v: '{% $v %}', state: '{% $states.context.State.Name %}' },
        },
      }),
    });
    expect(await outputOf(definition, { functions, input: { i: 1 } })).toEqual({ i: 1, v: 2, state: 'T' });
  });
});

describe('Output', () => {
  it('of a task is its result when absent', async () => {
    const { Output: _, ...task } = call('give');
    expect(await outputOf(definitionOf({ T: task }), { functions })).toEqual({
      ExecutedVersion: '$LATEST',
      Payload: { value: 7 },
      StatusCode: 200,
    });
  });

  it('of a Pass is its input when absent', async () => {
    expect(await outputOf(definitionOf({ P: { Type: 'Pass', End: true } }), { input: [1] })).toEqual([1]);
  });

  it('sees input and result', async () => {
    const task = call('give', { Output: '{% [$states.input.a, $states.result.Payload.value] %}' });
    expect(await outputOf(definitionOf({ T: task }), { functions, input: { a: 1 } })).toEqual([1, 7]);
  });
});

describe('Assign', () => {
  it('takes effect after the state: values are those of its entry', async () => {
    const definition = definitionOf({
      A: { Type: 'Pass', Assign: { x: 3, y: 6 }, Next: 'Swap' },
      Swap: {
        Type: 'Pass',
        Assign: { x: '{% $y %}', y: '{% $x %}' },
        Output: '{% [$x, $y] %}',
        Next: 'After',
      },
      After: { Type: 'Pass', Output: '{% {"before": $states.input, "after": [$x, $y]} %}', End: true },
    });
    expect(await outputOf(definition)).toEqual({ before: [3, 6], after: [6, 3] });
  });

  it('changes nothing when Output fails', async () => {
    const definition = definitionOf({
      A: { Type: 'Pass', Assign: { x: 1 }, Next: 'T' },
      T: call('give', {
        Assign: { x: 2 },
        Output: '{% $nobody %}',
        Catch: [{ ErrorEquals: ['States.QueryEvaluationError'], Next: 'End' }],
      }),
      End: { Type: 'Pass', Output: '{% $x %}', End: true },
    });
    expect(await outputOf(definition, { functions })).toBe(1);
  });

  it('sees the result of a task', async () => {
    const definition = definitionOf({
      T: call('give', { Assign: { got: '{% $states.result.Payload.value %}' }, Next: 'End' }),
      End: { Type: 'Pass', Output: '{% $got %}', End: true },
    });
    expect(await outputOf(definition, { functions })).toBe(7);
  });
});

describe('scopes', () => {
  const inner = (Output: unknown, Assign?: unknown) => ({
    Type: 'Pass',
    Output,
    ...(Assign === undefined ? {} : { Assign }),
    End: true,
  });
  const branch = (name: string, state: unknown) => ({ StartAt: name, States: { [name]: state } });
  const withX = (state: unknown, after: unknown = { Type: 'Succeed' }) =>
    definitionOf({ A: { Type: 'Pass', Assign: { x: 1 }, Next: 'S' }, S: state, End: after });

  it('inside read the variables outside', async () => {
    const parallel = { Type: 'Parallel', Branches: [branch('B', inner('{% $x %}'))], Next: 'End' };
    expect(await outputOf(withX(parallel))).toEqual([1]);
    const map = { Type: 'Map', Items: [5], ItemProcessor: branch('B', inner('{% $x %}')), Next: 'End' };
    expect(await outputOf(withX(map))).toEqual([1]);
  });

  it('inside may not assign to the variables outside', async () => {
    const parallel = { Type: 'Parallel', Branches: [branch('B', inner(1, { x: 2 }))], Next: 'End' };
    const result = await run(withX(parallel));
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(result.cause).toContain('$x');
  });

  it('end with the branch', async () => {
    const parallel = { Type: 'Parallel', Branches: [branch('B', inner(1, { y: 2 }))], Next: 'End' };
    expect(await outputOf(withX(parallel, { Type: 'Succeed', Output: '{% $exists($y) %}' }))).toBe(false);
  });

  it('of two branches do not see each other', async () => {
    const second = {
      StartAt: 'C',
      States: { C: { Type: 'Wait', Seconds: 5, Next: 'D' }, D: inner('{% $exists($y) %}') },
    };
    const parallel = { Type: 'Parallel', Branches: [branch('B', inner(1, { y: 2 })), second], Next: 'End' };
    expect(await outputOf(withX(parallel))).toEqual([1, false]);
  });

  it('of a Distributed Map do not reach its children; ItemSelector hands values in', async () => {
    const map = distributedMap(
      { ItemSelector: { item: '{% $states.context.Map.Item.Value %}', x: '{% $x %}' }, Next: 'End' },
      inner('{% [$exists($x), $states.input.x, $states.input.item] %}'),
    );
    const objects = memoryObjects({ 'bucket/items': lines(['a']) });
    expect(await outputOf(withX(map), { objects })).toEqual([[false, 1, 'a']]);
  });

  it('outside can be assigned by the Catch of a Parallel', async () => {
    const parallel = {
      Type: 'Parallel',
      Branches: [branch('B', call('fail'))],
      Catch: [{ ErrorEquals: ['States.ALL'], Assign: { x: '{% $states.errorOutput.Error %}' }, Next: 'End' }],
      Next: 'End',
    };
    const options = { functions: { fail: async () => Promise.reject(named('Bad')) } };
    expect(await outputOf(withX(parallel, { Type: 'Succeed', Output: '{% $x %}' }), options)).toBe('Bad');
  });
});

describe('the context object', () => {
  it('describes execution, state and machine', async () => {
    const definition = definitionOf({ P: { Type: 'Pass', Output: '{% $states.context %}', End: true } });
    expect(await outputOf(definition, { input: { a: 1 }, name: 'run-1' })).toEqual({
      Execution: {
        Id: 'arn:aws:states:local:000000000000:execution:machine:run-1',
        Input: { a: 1 },
        Name: 'run-1',
        RoleArn: 'arn:aws:iam::000000000000:role/local',
        StartTime: '2026-01-01T00:00:00.000Z',
        RedriveCount: 0,
      },
      State: { EnteredTime: '2026-01-01T00:00:00.000Z', Name: 'P', RetryCount: 0 },
      StateMachine: { Id: 'arn:aws:states:local:000000000000:stateMachine:machine', Name: 'machine' },
    });
  });

  it('counts the retries of the state', async () => {
    let calls = 0;
    const flaky = async (payload: unknown) => {
      calls += 1;
      return calls < 3 ? Promise.reject(named('Flaky')) : payload;
    };
    const task = call('flaky', {
      Arguments: { FunctionName: 'flaky', Payload: '{% $states.context.State.RetryCount %}' },
      Retry: [{ ErrorEquals: ['Flaky'] }],
    });
    expect(await outputOf(definitionOf({ T: task }), { functions: { flaky } })).toBe(2);
  });

  it('holds the item in an iteration, with its key when it is a property', async () => {
    const map = (Items: unknown) =>
      definitionOf({
        M: {
          Type: 'Map',
          Items,
          End: true,
          ItemProcessor: {
            StartAt: 'P',
            States: { P: { Type: 'Pass', Output: '{% $states.context.Map.Item %}', End: true } },
          },
        },
      });
    expect(await outputOf(map(['a']))).toEqual([{ Index: 0, Value: 'a', Source: 'STATE_DATA' }]);
    expect(await outputOf(map({ k: 'a' }))).toEqual([
      { Index: 0, Value: 'a', Key: 'k', Source: 'STATE_DATA' },
    ]);
  });
});
