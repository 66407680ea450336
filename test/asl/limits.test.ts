import { describe, expect, it } from 'vitest';
import { PAYLOAD_LIMIT_BYTES } from '../../lib/asl/index.ts';
import { call, definitionOf, distributedMap, lines, memoryObjects, outputOf, run } from './support.ts';

/** Text whose JSON has exactly so many bytes. */
const textOf = (bytes: number): string => 'x'.repeat(bytes - 2);
const tooLarge = { status: 'FAILED', error: 'States.DataLimitExceeded' };

describe('the payload limit of 256 KiB', () => {
  it('is counted in bytes of JSON, and includes the limit itself', async () => {
    const pass = definitionOf({ P: { Type: 'Pass', End: true } });
    expect(await outputOf(pass, { input: textOf(PAYLOAD_LIMIT_BYTES) })).toHaveLength(
      PAYLOAD_LIMIT_BYTES - 2,
    );
    expect(await run(pass, { input: textOf(PAYLOAD_LIMIT_BYTES + 1) })).toMatchObject(tooLarge);
    expect(await run(pass, { input: 'ä'.repeat(PAYLOAD_LIMIT_BYTES / 2) })).toMatchObject(tooLarge);
  });

  const grow = '{% $join($map([1..20], function($i) { $states.input })) %}';
  it.each([
    ['a state output', { P: { Type: 'Pass', Output: grow, End: true } }],
    ['a task input', { T: call('echo', { Arguments: { FunctionName: 'echo', Payload: grow } }) }],
    ['a task result', { T: call('large', { Output: 1 }) }],
    ['Assign', { P: { Type: 'Pass', Assign: { x: grow }, Output: 1, End: true } }],
    [
      'the input of branches',
      {
        P: {
          Type: 'Parallel',
          Arguments: grow,
          Branches: [{ StartAt: 'B', States: { B: { Type: 'Succeed' } } }],
          End: true,
        },
      },
    ],
    [
      'the result of a Parallel',
      {
        P: {
          Type: 'Parallel',
          Branches: ['A', 'B', 'C'].map((name) => ({ StartAt: name, States: { [name]: call('half') } })),
          Output: 1,
          End: true,
        },
      },
    ],
    [
      'the result of an inline Map',
      {
        M: {
          Type: 'Map',
          Items: [1, 2, 3],
          ItemProcessor: { StartAt: 'A', States: { A: call('half') } },
          Output: 1,
          End: true,
        },
      },
    ],
    [
      'an item',
      {
        M: {
          Type: 'Map',
          Items: [1],
          ItemSelector: grow,
          ItemProcessor: { StartAt: 'A', States: { A: call('half') } },
          End: true,
        },
      },
    ],
  ])('holds for %s', async (_, states) => {
    const functions = {
      echo: async () => 1,
      large: async () => textOf(PAYLOAD_LIMIT_BYTES),
      half: async () => textOf(PAYLOAD_LIMIT_BYTES / 2),
    };
    expect(await run(definitionOf(states), { functions, input: textOf(20_000) })).toMatchObject(tooLarge);
  });

  it('holds for the result of a Distributed Map that is not exported', async () => {
    const objects = memoryObjects({ 'bucket/items': lines([1, 2, 3]) });
    const functions = { work: async () => textOf(PAYLOAD_LIMIT_BYTES / 2) };
    expect(await run(definitionOf({ M: distributedMap() }), { functions, objects })).toMatchObject(tooLarge);
  });

  it('fails a child, not the Map, when the child passes it', async () => {
    const objects = memoryObjects({ 'bucket/items': lines([1, 2]) });
    const functions = { work: async (item: unknown) => (item === 1 ? textOf(PAYLOAD_LIMIT_BYTES) : 'small') };
    const map = distributedMap({ ToleratedFailureCount: 1, Output: '{% $states.result.Error %}' });
    expect(await outputOf(definitionOf({ M: map }), { functions, objects })).toBe('States.DataLimitExceeded');
  });
});

describe('variables', () => {
  it('may hold 10 MiB together', async () => {
    const step = (index: number, last: boolean) => ({
      Type: 'Pass',
      Assign: { [`x${index}`]: '{% $states.input %}' },
      ...(last ? { End: true } : { Next: `S${index + 1}` }),
    });
    const chain = (count: number) =>
      definitionOf(
        Object.fromEntries(
          Array.from({ length: count }, (_, index) => [`S${index}`, step(index, index === count - 1)]),
        ),
      );
    const input = textOf(PAYLOAD_LIMIT_BYTES - 100);
    expect(await run(chain(39), { input })).toMatchObject({ status: 'SUCCEEDED' });
    expect(await run(chain(41), { input })).toMatchObject(tooLarge);
  });
});
