import { describe, expect, it } from 'vitest';
import type { ExecutionResult, RedriveState } from '../../lib/asl/index.ts';
import { createIndexSet } from '../../lib/asl/redrive.ts';
import {
  call,
  type Definition,
  definitionOf,
  distributedMap,
  lines,
  type MemoryObjects,
  memoryObjects,
  named,
  type RunOptions,
  run,
  toResults,
  typesOf,
  virtualTime,
} from './support.ts';

/** Functions that fail for the payloads in `broken`, and count their calls. */
function workshop() {
  const broken = new Set<unknown>();
  const calls: unknown[] = [];
  const work = async (payload: unknown) => {
    calls.push(payload);
    return broken.has(payload) ? Promise.reject(named('Broken')) : payload;
  };
  return { broken, calls, functions: { work } };
}

/** As it comes back from a file. */
function kept(result: ExecutionResult): RedriveState {
  if (result.redrive === undefined) throw new Error('nothing to redrive');
  return JSON.parse(JSON.stringify(result.redrive));
}

async function twice(definition: Definition, shop: ReturnType<typeof workshop>, options: RunOptions = {}) {
  const first = await run(definition, { functions: shop.functions, ...options });
  const callsBefore = shop.calls.length;
  shop.broken.clear();
  const second = await run(definition, { functions: shop.functions, ...options, redriveFrom: kept(first) });
  return { first, second, again: shop.calls.slice(callsBefore) };
}

describe('a redrive', () => {
  it('goes on from the state that failed, with its input and variables', async () => {
    const shop = workshop();
    shop.broken.add('b');
    const definition = definitionOf({
      A: call('work', {
        Arguments: { FunctionName: 'work', Payload: 'a' },
        Assign: { x: 1 },
        Output: 'b',
        Next: 'B',
      }),
      B: call('work', { Next: 'C' }),
      C: {
        Type: 'Succeed',
        Output:
          '{% [$states.input, $x, $states.context.Execution.RedriveCount, $states.context.Execution.Input] %}',
      },
    });
    const { first, second, again } = await twice(definition, shop, { input: 'in' });
    expect(first).toMatchObject({ status: 'FAILED', error: 'Broken' });
    expect(second.output).toEqual(['b', 1, 1, 'in']);
    expect(again).toEqual(['b']);
    expect(typesOf(second.history)[0]).toBe('ExecutionRedriven');
  });

  it('is the same execution: its id, name and start stay', async () => {
    const shop = workshop();
    shop.broken.add('x');
    const definition = definitionOf({
      T: call('work', { Next: 'S' }),
      S: { Type: 'Succeed', Output: '{% $states.context.Execution %}' },
    });
    const first = await run(definition, {
      functions: shop.functions,
      input: 'x',
      name: 'first',
      ...virtualTime(1_000),
    });
    shop.broken.clear();
    const second = await run(definition, {
      functions: shop.functions,
      redriveFrom: kept(first),
      name: 'another',
      ...virtualTime(9_000),
    });
    expect(second.output).toMatchObject({
      Id: expect.stringMatching(/:first$/),
      Name: 'first',
      StartTime: '1970-01-01T00:00:01.000Z',
      RedriveCount: 1,
      RedriveTime: '1970-01-01T00:00:09.000Z',
    });
  });

  it('counts', async () => {
    const definition = definitionOf({ T: call('work') });
    const shop = workshop();
    shop.broken.add('x');
    const first = await run(definition, { functions: shop.functions, input: 'x' });
    const second = await run(definition, { functions: shop.functions, redriveFrom: kept(first) });
    expect(second.redrive).toMatchObject({ redriveCount: 1, input: 'x' });
  });

  it('is refused for another definition', async () => {
    const shop = workshop();
    shop.broken.add('x');
    const first = await run(definitionOf({ T: call('work') }), { functions: shop.functions, input: 'x' });
    const other = run(definitionOf({ T: call('work', { Comment: 'other' }) }), {
      functions: shop.functions,
      redriveFrom: kept(first),
    });
    await expect(other).rejects.toMatchObject({ name: 'InvalidDefinitionError' });
  });

  it('is not offered for an execution that succeeded', async () => {
    expect((await run(definitionOf({ S: { Type: 'Succeed' } }))).redrive).toBeUndefined();
  });

  it('starts the retries of the state anew', async () => {
    const shop = workshop();
    shop.broken.add('x');
    const definition = definitionOf({
      T: call('work', { Retry: [{ ErrorEquals: ['Broken'], MaxAttempts: 1 }] }),
    });
    const first = await run(definition, { functions: shop.functions, input: 'x' });
    await run(definition, { functions: shop.functions, redriveFrom: kept(first) });
    expect(shop.calls).toHaveLength(4);
  });

  it('enters a Fail state again', async () => {
    const definition = definitionOf({ F: { Type: 'Fail', Error: 'E' } });
    const first = await run(definition);
    expect(await run(definition, { redriveFrom: kept(first) })).toMatchObject({
      status: 'FAILED',
      error: 'E',
    });
  });
});

describe('a redrive of a Parallel', () => {
  it('runs only the branches that did not succeed, from where they failed', async () => {
    const shop = workshop();
    shop.broken.add('b2');
    const step = (payload: string, next?: string) =>
      call('work', {
        Arguments: { FunctionName: 'work', Payload: payload },
        ...(next === undefined ? {} : { Next: next }),
      });
    const parallel = {
      Type: 'Parallel',
      Branches: [
        { StartAt: 'A', States: { A: step('a') } },
        { StartAt: 'B1', States: { B1: step('b1', 'B2'), B2: step('b2') } },
      ],
      End: true,
    };
    const { second, again } = await twice(definitionOf({ P: parallel }), shop);
    expect(second.output).toEqual(['a', 'b2']);
    expect(again).toEqual(['b2']);
  });
});

describe('a redrive of an inline Map', () => {
  it('runs only the iterations that did not succeed', async () => {
    const shop = workshop();
    shop.broken.add(2);
    const map = {
      Type: 'Map',
      Items: [1, 2, 3],
      MaxConcurrency: 1,
      ItemProcessor: { StartAt: 'U', States: { U: call('work') } },
      End: true,
    };
    const { second, again } = await twice(definitionOf({ M: map }), shop);
    expect(second.output).toEqual([1, 2, 3]);
    expect(again).toEqual([2, 3]);
  });
});

describe('a redrive of a Distributed Map', () => {
  const items = [0, 1, 2, 3, 4, 5];
  const objectsOf = (): MemoryObjects => memoryObjects({ 'bucket/items': lines(items) });

  it('runs only the children that did not succeed', async () => {
    const shop = workshop();
    shop.broken.add(2);
    const { first, second, again } = await twice(
      definitionOf({ M: distributedMap({ MaxConcurrency: 1 }) }),
      shop,
      { objects: objectsOf() },
    );
    expect(first.error).toBe('States.ExceedToleratedFailureThreshold');
    expect(again).toEqual([2, 3, 4, 5]);
    expect(second.output).toEqual(items);
    expect(typesOf(second.history)).toContain('MapRunRedriven');
  });

  it('goes on inside a child from the state that failed', async () => {
    const shop = workshop();
    shop.broken.add('second of 1');
    const processor = {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'First',
      States: {
        First: call('work', { Assign: { item: '{% $states.input %}' }, Next: 'Second' }),
        Second: call('work', {
          Arguments: { FunctionName: 'work', Payload: "{% 'second of ' & $string($item) %}" },
        }),
      },
    };
    const map = distributedMap({ ItemProcessor: processor, MaxConcurrency: 1 });
    const { again } = await twice(definitionOf({ M: map }), shop, {
      objects: memoryObjects({ 'bucket/items': lines([0, 1]) }),
    });
    expect(again).toEqual(['second of 1']);
  });

  it('keeps the Map Run and its result files', async () => {
    const shop = workshop();
    shop.broken.add(2);
    const objects = objectsOf();
    const map = distributedMap({
      MaxConcurrency: 1,
      ResultWriter: { ...toResults, WriterConfig: { Transformation: 'COMPACT', OutputType: 'JSON' } },
    });
    const { second } = await twice(definitionOf({ M: map }), shop, { objects });
    const { Key } = (second.output as { ResultWriterDetails: { Key: string } }).ResultWriterDetails;
    const { ResultFiles } = objects.json(`bucket/${Key}`) as {
      ResultFiles: Record<string, readonly { Key: string }[]>;
    };
    expect(ResultFiles['SUCCEEDED']?.flatMap((file) => objects.json(`bucket/${file.Key}`))).toEqual(items);
    expect(ResultFiles).toMatchObject({ FAILED: [], PENDING: [] });
  });

  it('keeps nothing of a child that succeeded but its index when results are exported', async () => {
    const shop = workshop();
    shop.broken.add(4);
    const map = distributedMap({ MaxConcurrency: 1, ResultWriter: toResults });
    const first = await run(definitionOf({ M: map }), { functions: shop.functions, objects: objectsOf() });
    expect(first.redrive?.position.children).toMatchObject({ succeeded: [[0, 4]], outputs: {} });
    expect(Object.keys(first.redrive?.position.children?.stopped ?? {})).toEqual(['4']);
  });

  it('goes on after an abort', async () => {
    const control = new AbortController();
    const calls: unknown[] = [];
    const work = async (item: unknown) => {
      calls.push(item);
      if (item === 3) control.abort();
      return item;
    };
    const definition = definitionOf({ M: distributedMap({ MaxConcurrency: 1 }) });
    const first = await run(definition, {
      functions: { work },
      objects: objectsOf(),
      signal: control.signal,
    });
    expect(first.status).toBe('ABORTED');
    const second = await run(definition, {
      functions: { work },
      objects: objectsOf(),
      redriveFrom: kept(first),
    });
    expect(second.output).toEqual(items);
    expect(calls).toEqual([0, 1, 2, 3, 3, 4, 5]);
  });

  it('starts the Map Run for the first time when its reader had failed before any item', async () => {
    const shop = workshop();
    const objects = objectsOf();
    const definition = definitionOf({ M: distributedMap() });
    const first = await run(definition, { functions: shop.functions, objects: memoryObjects() });
    expect(first.error).toBe('States.ItemReaderFailed');
    expect(
      (await run(definition, { functions: shop.functions, objects, redriveFrom: kept(first) })).output,
    ).toEqual(items);
  });
});

describe('an index set', () => {
  it('says its members as ranges and is made from them', () => {
    const set = createIndexSet([
      [0, 3],
      [1_000, 1_002],
    ]);
    set.add(3);
    set.add(9);
    set.add(9);
    expect(set.ranges()).toEqual([
      [0, 4],
      [9, 10],
      [1_000, 1_002],
    ]);
    expect([set.size(), set.has(1_001), set.has(1_002), set.has(5_000_000)]).toEqual([7, true, false, false]);
  });
});
