import { describe, expect, it } from 'vitest';
import {
  type Definition,
  definitionOf,
  distributedMap,
  lines,
  type MemoryObjects,
  memoryObjects,
  named,
  outputOf,
  run,
  toResults,
} from './support.ts';

const functions = {
  work: async (item: unknown) => (item === 'bad' ? Promise.reject(named('Bad', 'why')) : item),
};
const objectsOf = (items: readonly unknown[]) => memoryObjects({ 'bucket/items': lines(items) });
const written = (objects: MemoryObjects, ending: string): string | undefined =>
  [...objects.objects.keys()].find((name) => name.endsWith(ending));
const exported = async (
  items: readonly unknown[],
  WriterConfig: Definition | undefined,
  more: Definition = {},
) => {
  const objects = objectsOf(items);
  const ResultWriter = { ...toResults, ...(WriterConfig === undefined ? {} : { WriterConfig }) };
  const result = await run(
    definitionOf({ M: distributedMap({ ResultWriter, MaxConcurrency: 1, ...more }) }),
    { functions, objects },
  );
  return { objects, result };
};

describe('an exporting ResultWriter', () => {
  it('gives the Map Run and the place of the manifest as the result', async () => {
    const { objects, result } = await exported(['a'], undefined);
    const { MapRunArn, ResultWriterDetails } = result.output as {
      MapRunArn: string;
      ResultWriterDetails: { Bucket: string; Key: string };
    };
    const id = MapRunArn.slice(MapRunArn.lastIndexOf(':') + 1);
    expect(MapRunArn).toMatch(/^arn:aws:states:local:000000000000:mapRun:machine\/M:[0-9a-f-]{36}$/);
    expect(ResultWriterDetails).toEqual({ Bucket: 'bucket', Key: `results/${id}/manifest.json` });
    expect(objects.json(`bucket/results/${id}/manifest.json`)).toEqual({
      DestinationBucket: 'bucket',
      MapRunArn,
      ResultFiles: {
        FAILED: [],
        PENDING: [],
        SUCCEEDED: [{ Key: `results/${id}/SUCCEEDED_0.json`, Size: expect.any(Number) }],
      },
    });
  });

  it('describes each child in full by default', async () => {
    const { objects } = await exported([{ a: 1 }], undefined);
    expect(objects.json(written(objects, 'SUCCEEDED_0.json') ?? '')).toEqual([
      {
        ExecutionArn: 'arn:aws:states:local:000000000000:execution:machine/M:execution/M/0',
        Input: '{"a":1}',
        InputDetails: { Included: true },
        Name: 'execution/M/0',
        Output: '{"a":1}',
        OutputDetails: { Included: true },
        RedriveCount: 0,
        StartDate: '2026-01-01T00:00:00.000Z',
        StateMachineArn: 'arn:aws:states:local:000000000000:stateMachine:machine/M',
        Status: 'SUCCEEDED',
        StopDate: '2026-01-01T00:00:00.000Z',
      },
    ]);
  });

  it.each([
    ['COMPACT', [[1, 2], 3]],
    ['FLATTEN', [1, 2, 3]],
  ])('writes outputs only with %s', async (Transformation, expected) => {
    const { objects } = await exported([[1, 2], 3], { Transformation, OutputType: 'JSON' });
    expect(objects.json(written(objects, 'SUCCEEDED_0.json') ?? '')).toEqual(expected);
  });

  it('writes JSON lines', async () => {
    const { objects } = await exported([1, { a: 2 }], { Transformation: 'COMPACT', OutputType: 'JSONL' });
    expect(objects.text(written(objects, 'SUCCEEDED_0.jsonl') ?? '')).toBe('1\n{"a":2}\n');
  });

  it('writes failed children in full, and those that never started as pending', async () => {
    const { objects, result } = await exported(['a', 'bad', 'b', 'c'], {
      Transformation: 'COMPACT',
      OutputType: 'JSON',
    });
    expect(result.error).toBe('States.ExceedToleratedFailureThreshold');
    expect(objects.json(written(objects, 'SUCCEEDED_0.json') ?? '')).toEqual(['a']);
    expect(objects.json(written(objects, 'FAILED_0.json') ?? '')).toMatchObject([
      { Status: 'FAILED', Error: 'Bad', Cause: '{"errorType":"Bad","errorMessage":"why"}', Input: '"bad"' },
    ]);
    expect(objects.json(written(objects, 'PENDING_0.json') ?? '')).toMatchObject([
      { Status: 'PENDING', Input: '"b"' },
      { Status: 'PENDING', Input: '"c"' },
    ]);
    expect(objects.json(written(objects, 'manifest.json') ?? '')).toMatchObject({
      ResultFiles: { FAILED: [{}], PENDING: [{}], SUCCEEDED: [{}] },
    });
  });

  it('begins a new file when one is large', async () => {
    const items = Array.from({ length: 20 }, () => 'x'.repeat(250_000));
    const { objects } = await exported(items, { Transformation: 'COMPACT', OutputType: 'JSON' });
    const files = [...objects.objects.keys()].filter((name) => name.includes('SUCCEEDED')).sort();
    expect(files.map((name) => name.slice(-16))).toEqual(['SUCCEEDED_0.json', 'SUCCEEDED_1.json']);
    expect(files.flatMap((name) => objects.json(name))).toHaveLength(20);
  });

  it('takes bucket and prefix by expression; without a prefix the folder is the Map Run', async () => {
    const ResultWriter = { ...toResults, Arguments: { Bucket: '{% $states.input.b %}' } };
    const objects = objectsOf([1]);
    await outputOf(definitionOf({ M: distributedMap({ ResultWriter }) }), {
      functions,
      objects,
      input: { b: 'other' },
    });
    expect(written(objects, 'manifest.json')).toMatch(/^other\/[0-9a-f-]{36}\/manifest.json$/);
  });

  it.each(['manifest.json', 'SUCCEEDED_0.json'])(
    'fails with States.ResultWriterFailed when %s cannot be written',
    async (ending) => {
      const objects = objectsOf([1]);
      const failing = {
        ...objects,
        putObject: async (bucket: string, key: string, body: Uint8Array) =>
          key.endsWith(ending) ? Promise.reject(new Error('denied')) : objects.putObject(bucket, key, body),
      };
      const definition = definitionOf({ M: distributedMap({ ResultWriter: toResults }) });
      const result = await run(definition, { functions, objects: failing });
      expect(result).toMatchObject({ status: 'FAILED', error: 'States.ResultWriterFailed' });
      expect(result.cause).toMatch(/denied$/);
    },
  );

  it('fails with States.ResultWriterFailed when the bucket is no text', async () => {
    const ResultWriter = { ...toResults, Arguments: { Bucket: '{% 1 %}' } };
    const result = await run(definitionOf({ M: distributedMap({ ResultWriter }) }), {
      functions,
      objects: objectsOf([1]),
    });
    expect(result).toMatchObject({ error: 'States.ResultWriterFailed' });
  });

  it('does not hide the failure of an item behind its own', async () => {
    const objects = { ...objectsOf(['bad']), putObject: async () => Promise.reject(new Error('denied')) };
    const result = await run(definitionOf({ M: distributedMap({ ResultWriter: toResults }) }), {
      functions,
      objects,
    });
    expect(result.error).toBe('States.ExceedToleratedFailureThreshold');
  });
});

describe('a ResultWriter that only formats', () => {
  it.each([
    ['COMPACT', [[1, 2], 3]],
    ['FLATTEN', [1, 2, 3]],
  ])('gives the outputs as %s', async (Transformation, expected) => {
    const map = distributedMap({ ResultWriter: { WriterConfig: { Transformation, OutputType: 'JSON' } } });
    expect(await outputOf(definitionOf({ M: map }), { functions, objects: objectsOf([[1, 2], 3]) })).toEqual(
      expected,
    );
  });

  it('gives full descriptions with NONE', async () => {
    const map = distributedMap({
      ResultWriter: { WriterConfig: { Transformation: 'NONE', OutputType: 'JSON' } },
    });
    expect(await outputOf(definitionOf({ M: map }), { functions, objects: objectsOf([1]) })).toMatchObject([
      { Status: 'SUCCEEDED', Output: '1' },
    ]);
  });
});
