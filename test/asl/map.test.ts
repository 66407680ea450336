import { describe, expect, it } from 'vitest';
import {
  call,
  type Definition,
  definitionOf,
  distributedMap,
  keepAll,
  lines,
  memoryObjects,
  named,
  outputOf,
  run,
  virtualTime,
} from './support.ts';

const inline = (more: Definition = {}, unit: Definition = call('work')): Definition =>
  definitionOf({
    M: { Type: 'Map', ItemProcessor: { StartAt: 'Unit', States: { Unit: unit } }, End: true, ...more },
  });
const functions = { work: async (payload: unknown) => payload };
const objectsOf = (items: readonly unknown[]) => memoryObjects({ 'bucket/items': lines(items) });

/** Counts how many run at a time; each takes a second of virtual time. */
function gauge() {
  const time = virtualTime();
  let running = 0;
  let most = 0;
  const work = async (payload: unknown) => {
    running += 1;
    most = Math.max(most, running);
    await time.sleep(1_000, new AbortController().signal);
    running -= 1;
    return payload;
  };
  return { functions: { work }, time, most: () => most };
}

describe('the items of a Map', () => {
  it('are its input without Items', async () => {
    expect(await outputOf(inline(), { functions, input: [1, 2] })).toEqual([1, 2]);
  });

  it('are Items, constant or by expression', async () => {
    expect(
      await outputOf(inline({ Items: ['a', '{% $states.input %}'] }), { functions, input: 'b' }),
    ).toEqual(['a', 'b']);
    expect(await outputOf(inline({ Items: '{% [1..3] %}' }), { functions })).toEqual([1, 2, 3]);
  });

  it('are key and value of each property of an object', async () => {
    expect(await outputOf(inline({ Items: { a: 1, b: 2 } }), { functions })).toEqual([
      { Key: 'a', Value: 1 },
      { Key: 'b', Value: 2 },
    ]);
  });

  it('may be none', async () => {
    expect(await outputOf(inline({ Items: [] }), { functions })).toEqual([]);
    expect(
      await outputOf(definitionOf({ M: distributedMap() }), { functions, objects: objectsOf([]) }),
    ).toEqual([]);
  });

  it('must be an array or an object', async () => {
    expect(await run(inline(), { functions, input: 5 })).toMatchObject({
      status: 'FAILED',
      error: 'States.QueryEvaluationError',
    });
  });

  it('are made over by ItemSelector, which sees state input, item and variables', async () => {
    const ItemSelector = {
      all: '{% $count($states.input) %}',
      at: '{% $states.context.Map.Item.Index %}',
      item: '{% $states.context.Map.Item.Value %}',
    };
    expect(await outputOf(inline({ ItemSelector }), { functions, input: ['x', 'y'] })).toEqual([
      { all: 2, at: 0, item: 'x' },
      { all: 2, at: 1, item: 'y' },
    ]);
  });

  it('fail the state when ItemSelector cannot be evaluated', async () => {
    const map = distributedMap({ ItemSelector: '{% $nobody %}' });
    expect(await run(definitionOf({ M: map }), { functions, objects: objectsOf([1]) })).toMatchObject({
      error: 'States.QueryEvaluationError',
    });
  });

  it('of a Distributed Map may come from the state too', async () => {
    const { ItemReader: _, ...map } = distributedMap({ Items: '{% $states.input.list %}' });
    expect(await outputOf(definitionOf({ M: map }), { functions, input: { list: [1, 2] } })).toEqual([1, 2]);
  });
});

describe('MaxConcurrency', () => {
  const tenItems = Array.from({ length: 10 }, (_, index) => index);
  it.each([
    ['a number', 3],
    ['an expression', '{% $states.input.n %}'],
  ])('bounds the iterations that run at a time: %s', async (_, MaxConcurrency) => {
    for (const states of [
      inline({ Items: tenItems, MaxConcurrency }),
      definitionOf({ M: distributedMap({ MaxConcurrency }) }),
    ]) {
      const { most, time, ...given } = gauge();
      expect(
        await outputOf(states, { ...given, ...time, input: { n: 3 }, objects: objectsOf(tenItems) }),
      ).toEqual(tenItems);
      expect(most()).toBe(3);
    }
  });

  it('0 means as many as there are, up to 40 inline', async () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const first = gauge();
    await outputOf(inline({ Items: items, MaxConcurrency: 0 }), {
      functions: first.functions,
      ...first.time,
    });
    expect(first.most()).toBe(40);
    const second = gauge();
    await outputOf(definitionOf({ M: distributedMap({ MaxConcurrency: 0 }) }), {
      functions: second.functions,
      ...second.time,
      objects: objectsOf(items),
    });
    expect(second.most()).toBe(50);
  });

  it('1 runs the items one after the other, in order', async () => {
    const order: unknown[] = [];
    const work = async (payload: unknown) => void order.push(payload);
    await outputOf(definitionOf({ M: distributedMap({ MaxConcurrency: 1 }) }), {
      functions: { work },
      objects: objectsOf([3, 1, 2]),
    });
    expect(order).toEqual([3, 1, 2]);
  });

  it('reads no further ahead than there is room', async () => {
    const { most: _, time, ...given } = gauge();
    const objects = objectsOf([]);
    let read = 0;
    let started = 0;
    const ahead: number[] = [];
    const reading = {
      ...objects,
      async *getObject() {
        for (; read < 50; read += 1) yield Buffer.from(`${read}\n`);
      },
    };
    const work = async (payload: unknown) => {
      started += 1;
      ahead.push(read - started);
      return given.functions.work(payload);
    };
    await outputOf(definitionOf({ M: distributedMap({ MaxConcurrency: 4 }) }), {
      functions: { work },
      ...time,
      objects: reading,
    });
    expect(Math.max(...ahead)).toBeLessThanOrEqual(1);
  });
});

describe('a failure in an inline Map', () => {
  it('fails the state with the error of the iteration; no further iteration starts', async () => {
    let calls = 0;
    const work = async (item: unknown) => {
      calls += 1;
      return item === 1 ? Promise.reject(named('Bad')) : item;
    };
    const result = await run(inline({ Items: [0, 1, 2, 3, 4], MaxConcurrency: 1 }), { functions: { work } });
    expect(result).toMatchObject({ status: 'FAILED', error: 'Bad' });
    expect(calls).toBe(2);
  });
});

describe('a failure in a Distributed Map', () => {
  const failing =
    (...bad: readonly unknown[]) =>
    async (item: unknown) =>
      bad.includes(item) ? Promise.reject(named('Bad', `item ${item}`)) : item;
  const ten = Array.from({ length: 10 }, (_, index) => index);
  const mapped = (more: Definition, work: ReturnType<typeof failing>) =>
    run(definitionOf({ M: distributedMap({ MaxConcurrency: 1, ...more }) }), {
      functions: { work },
      objects: objectsOf(ten),
      input: { n: 1 },
    });

  it('is States.ExceedToleratedFailureThreshold, whose cause tells the first failure', async () => {
    const result = await mapped({}, failing(3, 4));
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    expect(result.cause).toBe('The specified tolerated failure threshold was exceeded. Item 3: Bad: item 3');
  });

  it('starts no child any more, and lets those that run come to their end', async () => {
    const time = virtualTime();
    const ended: unknown[] = [];
    let started = 0;
    const work = async (item: unknown) => {
      started += 1;
      if (item === 1) throw named('Bad');
      await time.sleep(5_000, new AbortController().signal);
      ended.push(item);
    };
    await run(definitionOf({ M: distributedMap({ MaxConcurrency: 3 }) }), {
      functions: { work },
      ...time,
      objects: objectsOf(ten),
    });
    expect(started).toBeLessThan(6);
    expect(ended.length).toBe(started - 1);
  });

  it.each([
    ['ToleratedFailureCount 2', { ToleratedFailureCount: 2 }, [1, 2], true],
    ['ToleratedFailureCount 2', { ToleratedFailureCount: 2 }, [1, 2, 3], false],
    ['ToleratedFailureCount by expression', { ToleratedFailureCount: '{% $states.input.n %}' }, [1], true],
    ['ToleratedFailurePercentage 20', { ToleratedFailurePercentage: 20 }, [1, 9], true],
    ['ToleratedFailurePercentage 20', { ToleratedFailurePercentage: 20 }, [1, 2, 9], false],
    ['ToleratedFailurePercentage 0', { ToleratedFailurePercentage: 0 }, [1], false],
    ['ToleratedFailurePercentage 100', { ToleratedFailurePercentage: 100 }, ten, true],
    [
      'ToleratedFailurePercentage by expression',
      { ToleratedFailurePercentage: '{% $states.input.n * 10 %}' },
      [1],
      true,
    ],
    [
      'both, and the count is exceeded',
      { ToleratedFailureCount: 1, ToleratedFailurePercentage: 50 },
      [1, 2],
      false,
    ],
    [
      'both, and the percentage is exceeded',
      { ToleratedFailureCount: 9, ToleratedFailurePercentage: 10 },
      [1, 2],
      false,
    ],
  ] as const)('%s: %j with failures %j is tolerated: %s', async (_, more, bad, tolerated) => {
    const { status } = await mapped(more, failing(...bad));
    expect(status).toBe(tolerated ? 'SUCCEEDED' : 'FAILED');
  });

  it('that is tolerated leaves a description of the child in the results', async () => {
    const result = await mapped({ ToleratedFailureCount: 1 }, failing(1));
    expect((result.output as readonly unknown[])[1]).toMatchObject({
      Status: 'FAILED',
      Error: 'Bad',
      Input: '1',
    });
    expect((result.output as readonly unknown[])[2]).toBe(2);
  });

  it('can be caught', async () => {
    const map = distributedMap({
      Catch: [{ ErrorEquals: ['States.ExceedToleratedFailureThreshold'], Next: 'S' }],
      Next: 'S',
    });
    const definition = definitionOf({ M: map, S: { Type: 'Succeed', Output: '{% $states.input.Error %}' } });
    expect(await outputOf(definition, { functions: { work: failing(1) }, objects: objectsOf(ten) })).toBe(
      'States.ExceedToleratedFailureThreshold',
    );
  });
});

describe('a child of a Distributed Map', () => {
  it('is an execution of its own: name, input and history', async () => {
    const { kept, sink } = keepAll();
    const map = distributedMap(
      { Label: 'Units' },
      { Type: 'Pass', Output: '{% $states.context.Execution %}', End: true },
    );
    const output = await outputOf(definitionOf({ M: map }), {
      objects: objectsOf(['a']),
      history: sink,
      name: 'run-1',
    });
    expect(output).toMatchObject([
      { Name: 'run-1/M/0', Input: 'a', Id: expect.stringMatching(/:execution:machine\/Units:run-1\/M\/0$/) },
    ]);
    const child = kept.filter((event) => event.executionName === 'run-1/M/0');
    expect(child.map((event) => [event.id, event.type])).toEqual([
      [1, 'ExecutionStarted'],
      [2, 'PassStateEntered'],
      [3, 'PassStateExited'],
      [4, 'ExecutionSucceeded'],
    ]);
    expect(new Set(child.map((event) => event.mapRun)).size).toBe(1);
  });

  it('retries and catches by itself', async () => {
    let calls = 0;
    const work = async () => {
      calls += 1;
      return calls === 1 ? Promise.reject(named('Flaky')) : 'well';
    };
    const unit = call('work', { Retry: [{ ErrorEquals: ['Flaky'] }] });
    expect(
      await outputOf(definitionOf({ M: distributedMap({}, unit) }), {
        functions: { work },
        objects: objectsOf([1]),
      }),
    ).toEqual(['well']);
  });

  it('may hold Maps again', async () => {
    const inner = {
      Type: 'Map',
      ItemProcessor: { StartAt: 'Deep', States: { Deep: call('work') } },
      End: true,
    };
    expect(
      await outputOf(definitionOf({ M: distributedMap({}, inner) }), {
        functions,
        objects: objectsOf([[1, 2], [3]]),
      }),
    ).toEqual([[1, 2], [3]]);
  });
});

describe('ItemBatcher', () => {
  const batched = (ItemBatcher: Definition, items: readonly unknown[] = [1, 2, 3, 4, 5]) =>
    outputOf(definitionOf({ M: distributedMap({ ItemBatcher }) }), {
      functions,
      objects: objectsOf(items),
      input: { n: 2 },
    });

  it('groups items by MaxItemsPerBatch', async () => {
    expect(await batched({ MaxItemsPerBatch: 2 })).toEqual([
      { Items: [1, 2] },
      { Items: [3, 4] },
      { Items: [5] },
    ]);
    expect(await batched({ MaxItemsPerBatch: '{% $states.input.n * 2 %}' })).toEqual([
      { Items: [1, 2, 3, 4] },
      { Items: [5] },
    ]);
  });

  it('groups items by MaxInputBytesPerBatch: no batch is larger', async () => {
    const items = Array.from({ length: 20 }, (_, index) => 'x'.repeat(index));
    const batches = (await batched({ MaxInputBytesPerBatch: 60 }, items)) as readonly {
      Items: readonly string[];
    }[];
    expect(batches.flatMap((batch) => batch.Items)).toEqual(items);
    for (const batch of batches) expect(JSON.stringify(batch).length).toBeLessThanOrEqual(60);
    expect(batches.length).toBeLessThan(15);
  });

  it('adds BatchInput to every batch', async () => {
    expect(await batched({ MaxItemsPerBatch: 5, BatchInput: { n: '{% $states.input.n %}' } })).toEqual([
      { BatchInput: { n: 2 }, Items: [1, 2, 3, 4, 5] },
    ]);
  });

  it('fails with States.DataLimitExceeded when one item does not fit', async () => {
    const map = distributedMap({ ItemBatcher: { MaxInputBytesPerBatch: 20 } });
    const result = await run(definitionOf({ M: map }), { functions, objects: objectsOf(['x'.repeat(30)]) });
    expect(result.error).toBe('States.DataLimitExceeded');
  });
});
