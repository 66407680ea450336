import { describe, expect, it } from 'vitest';
import {
  call,
  definitionOf,
  distributedMap,
  keepAll,
  lines,
  memoryObjects,
  named,
  run,
  typesOf,
} from './support.ts';

const functions = {
  work: async (payload: unknown) => payload,
  fail: async () => Promise.reject(named('Bad', 'why')),
};
const typesFor = async (state: object, options: object = {}) => {
  const result = await run(definitionOf({ S: state }), { functions, input: [1, 2], ...options });
  return typesOf(result.history);
};
const branch = (name: string, state: object) => ({ StartAt: name, States: { [name]: state } });

describe('the history', () => {
  it('numbers events, links each with the one before, and tells the time', async () => {
    const { history } = await run(definitionOf({ W: { Type: 'Wait', Seconds: 5, End: true } }));
    expect(
      history.map(({ id, previousEventId, timestamp, type }) => [
        id,
        previousEventId,
        timestamp.slice(11, 19),
        type,
      ]),
    ).toEqual([
      [1, 0, '00:00:00', 'ExecutionStarted'],
      [2, 1, '00:00:00', 'WaitStateEntered'],
      [3, 2, '00:00:05', 'WaitStateExited'],
      [4, 3, '00:00:05', 'ExecutionSucceeded'],
    ]);
  });

  it.each([
    ['Pass', { Type: 'Pass', End: true }, ['PassStateEntered', 'PassStateExited']],
    ['Succeed', { Type: 'Succeed' }, ['SucceedStateEntered', 'SucceedStateExited']],
    [
      'Task',
      call('work'),
      ['TaskStateEntered', 'TaskScheduled', 'TaskStarted', 'TaskSucceeded', 'TaskStateExited'],
    ],
    [
      'Parallel',
      { Type: 'Parallel', Branches: [branch('A', { Type: 'Succeed' })], End: true },
      [
        'ParallelStateEntered',
        'ParallelStateStarted',
        'SucceedStateEntered',
        'SucceedStateExited',
        'ParallelStateSucceeded',
        'ParallelStateExited',
      ],
    ],
    [
      'inline Map',
      { Type: 'Map', Items: [1], ItemProcessor: branch('A', { Type: 'Succeed' }), End: true },
      [
        'MapStateEntered',
        'MapStateStarted',
        'MapIterationStarted',
        'SucceedStateEntered',
        'SucceedStateExited',
        'MapIterationSucceeded',
        'MapStateSucceeded',
        'MapStateExited',
      ],
    ],
    [
      'Distributed Map',
      distributedMap({}, { Type: 'Succeed' }),
      [
        'MapStateEntered',
        'MapStateStarted',
        'MapRunStarted',
        'MapRunSucceeded',
        'MapStateSucceeded',
        'MapStateExited',
      ],
    ],
  ])('of a %s that succeeds', async (_, state, expected) => {
    const objects = memoryObjects({ 'bucket/items': lines([1]) });
    expect(await typesFor(state, { objects })).toEqual([
      'ExecutionStarted',
      ...expected,
      'ExecutionSucceeded',
    ]);
  });

  it.each([
    ['Fail', { Type: 'Fail', Error: 'E' }, ['FailStateEntered']],
    ['Task', call('fail'), ['TaskStateEntered', 'TaskScheduled', 'TaskStarted', 'TaskFailed']],
    [
      'expression',
      { Type: 'Pass', Output: '{% $nobody %}', End: true },
      ['PassStateEntered', 'EvaluationFailed'],
    ],
    [
      'Parallel',
      { Type: 'Parallel', Branches: [branch('A', { Type: 'Fail' })], End: true },
      ['ParallelStateEntered', 'ParallelStateStarted', 'FailStateEntered', 'ParallelStateFailed'],
    ],
    [
      'inline Map',
      { Type: 'Map', Items: [1], ItemProcessor: branch('A', { Type: 'Fail' }), End: true },
      [
        'MapStateEntered',
        'MapStateStarted',
        'MapIterationStarted',
        'FailStateEntered',
        'MapIterationFailed',
        'MapStateFailed',
      ],
    ],
    [
      'Distributed Map',
      distributedMap({}, { Type: 'Fail' }),
      ['MapStateEntered', 'MapStateStarted', 'MapRunStarted', 'MapRunFailed', 'MapStateFailed'],
    ],
  ])('of a %s that fails', async (_, state, expected) => {
    const objects = memoryObjects({ 'bucket/items': lines([1]) });
    expect(await typesFor(state, { objects })).toEqual(['ExecutionStarted', ...expected, 'ExecutionFailed']);
  });

  it('of a Choice, a retry, a time-out and a catch', async () => {
    const definition = definitionOf({
      C: { Type: 'Choice', Choices: [{ Condition: true, Next: 'T' }] },
      T: call('hang', {
        TimeoutSeconds: 1,
        Retry: [{ ErrorEquals: ['States.Timeout'], MaxAttempts: 1 }],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S' }],
        Next: 'S',
      }),
      S: { Type: 'Succeed' },
    });
    const hang = () => new Promise<never>(() => {});
    const { history } = await run(definition, { functions: { hang }, graceMs: 1 });
    const attempt = ['TaskScheduled', 'TaskStarted', 'TaskTimedOut'];
    expect(typesOf(history)).toEqual([
      'ExecutionStarted',
      'ChoiceStateEntered',
      'ChoiceStateExited',
      'TaskStateEntered',
      ...attempt,
      ...attempt,
      'TaskStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it('holds details under the names that the service uses', async () => {
    const definition = definitionOf({ T: call('work', { TimeoutSeconds: 9, Assign: { x: 1 } }) });
    const { history } = await run(definition, { functions, input: { a: 1 } });
    const lambda = { resource: 'invoke', resourceType: 'lambda' };
    const output = '{"ExecutedVersion":"$LATEST","Payload":{"a":1},"StatusCode":200}';
    expect(
      history.map(
        ({ id: _id, previousEventId: _previous, timestamp: _time, type: _type, ...details }) => details,
      ),
    ).toEqual([
      { executionStartedEventDetails: { input: '{"a":1}' } },
      { stateEnteredEventDetails: { name: 'T', input: '{"a":1}' } },
      {
        taskScheduledEventDetails: {
          ...lambda,
          region: 'local',
          parameters: '{"FunctionName":"work","Payload":{"a":1}}',
          timeoutInSeconds: 9,
        },
      },
      { taskStartedEventDetails: lambda },
      { taskSucceededEventDetails: { ...lambda, output } },
      { stateExitedEventDetails: { name: 'T', output: '{"a":1}', assignedVariables: { x: '1' } } },
      { executionSucceededEventDetails: { output: '{"a":1}' } },
    ]);
  });

  it('tells error and cause of failures', async () => {
    const { history } = await run(definitionOf({ T: call('fail') }), { functions });
    const failure = { error: 'Bad', cause: '{"errorType":"Bad","errorMessage":"why"}' };
    expect(history.at(-2)).toMatchObject({ taskFailedEventDetails: failure });
    expect(history.at(-1)).toMatchObject({ executionFailedEventDetails: failure });
  });

  it('goes to the sink instead of the result when there is one, with the children', async () => {
    const { kept, sink } = keepAll();
    const objects = memoryObjects({ 'bucket/items': lines([1, 2]) });
    const result = await run(definitionOf({ M: distributedMap() }), { functions, objects, history: sink });
    expect(result.history).toEqual([]);
    expect([...new Set(kept.map((event) => event.executionName))].sort()).toEqual([
      'execution',
      'execution/M/0',
      'execution/M/1',
    ]);
  });

  it("without a sink keeps at most historyLimit events, and no child's", async () => {
    const objects = memoryObjects({ 'bucket/items': lines([1, 2]) });
    const { history } = await run(definitionOf({ M: distributedMap() }), {
      functions,
      objects,
      historyLimit: 3,
    });
    expect(typesOf(history)).toEqual(['ExecutionStarted', 'MapStateEntered', 'MapStateStarted']);
  });
});
