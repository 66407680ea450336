import { describe, expect, it } from 'vitest';
import { matchesError } from '../../lib/asl/errors.ts';
import { ErrorName } from '../../lib/asl/index.ts';
import { IntegrityError } from '../../lib/errors.ts';
import { call, definitionOf, distributedMap, memoryObjects, named, run } from './support.ts';

describe('ErrorEquals', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['Mine', 'Mine', true],
    ['Mine', 'Other', false],
    ['Mine', 'mine', false],
    [ErrorName.All, 'Mine', true],
    [ErrorName.All, ErrorName.Timeout, true],
    [ErrorName.All, ErrorName.HeartbeatTimeout, true],
    [ErrorName.All, ErrorName.QueryEvaluationError, true],
    [ErrorName.All, ErrorName.DataLimitExceeded, false],
    [ErrorName.All, ErrorName.Runtime, false],
    [ErrorName.TaskFailed, 'Mine', true],
    [ErrorName.TaskFailed, ErrorName.QueryEvaluationError, true],
    [ErrorName.TaskFailed, ErrorName.Timeout, false],
    [ErrorName.TaskFailed, ErrorName.HeartbeatTimeout, false],
    [ErrorName.TaskFailed, ErrorName.DataLimitExceeded, false],
    [ErrorName.Timeout, ErrorName.HeartbeatTimeout, true],
    [ErrorName.HeartbeatTimeout, ErrorName.HeartbeatTimeout, true],
    [ErrorName.HeartbeatTimeout, ErrorName.Timeout, false],
    [ErrorName.DataLimitExceeded, ErrorName.DataLimitExceeded, false],
    [ErrorName.Runtime, ErrorName.Runtime, false],
    [ErrorName.ItemReaderFailed, ErrorName.ItemReaderFailed, true],
  ];
  it.each(cases)('%s matches %s: %s', (candidate, error, expected) => {
    expect(matchesError([candidate], error)).toBe(expected);
  });

  it('lets States.ALL take a Fail state without an error name', () => {
    expect(matchesError([ErrorName.All], undefined)).toBe(true);
    expect(matchesError(['Mine'], undefined)).toBe(false);
  });
});

describe('an error of a function', () => {
  it('keeps its name, and its message as Lambda gives it', async () => {
    const result = await run(definitionOf({ T: call('f') }), {
      functions: { f: async () => Promise.reject(named('CommitConflictError', 'bucket 3')) },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'CommitConflictError' });
    expect(JSON.parse(result.cause ?? '')).toEqual({
      errorType: 'CommitConflictError',
      errorMessage: 'bucket 3',
    });
  });

  it('is named Error when what is thrown is no error', async () => {
    const result = await run(definitionOf({ T: call('f') }), {
      functions: { f: async () => Promise.reject('text') },
    });
    expect(result).toMatchObject({ error: 'Error', cause: '{"errorType":"Error","errorMessage":"text"}' });
  });

  it('is Runtime.MarshalError when the answer is nothing that JSON can say', async () => {
    const result = await run(definitionOf({ T: call('f') }), {
      functions: { f: async () => ({ rows: 1n }) },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'Runtime.MarshalError' });
  });

  it('tells what a PartwiseError advises', async () => {
    const error = new IntegrityError('rows are missing', {
      safe: 'nothing was published',
      next: 'partwise status r1',
    });
    const result = await run(definitionOf({ T: call('f') }), {
      functions: { f: async () => Promise.reject(error) },
    });
    expect(JSON.parse(result.cause ?? '')).toEqual({
      errorType: 'IntegrityError',
      errorMessage: 'rows are missing',
      safe: 'nothing was published',
      next: 'partwise status r1',
    });
  });

  it('says which function does not exist', async () => {
    const result = await run(definitionOf({ T: call('nobody') }));
    expect(result).toMatchObject({
      error: 'Lambda.ResourceNotFoundException',
      cause: 'Function not found: nobody',
    });
  });
});

describe('an error of another resource', () => {
  const resource = 'arn:aws:states:::sqs:sendMessage';
  const definition = definitionOf({
    T: { Type: 'Task', Resource: resource, Arguments: { a: 1 }, End: true },
  });

  it('has the thrown name, and the message as its cause', async () => {
    const result = await run(definition, {
      tasks: { [resource]: async () => Promise.reject(named('Sqs.Gone', 'no queue')) },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'Sqs.Gone', cause: 'no queue' });
  });

  it('that fails inside of the interpreter is States.Runtime, which nothing catches', async () => {
    const objects = memoryObjects({ 'bucket/items': '1\n' });
    const random = () => {
      throw new TypeError('no randomness');
    };
    const map = distributedMap({ Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S' }], Next: 'S' });
    const broken = definitionOf({ M: map, S: { Type: 'Succeed' } });
    const result = await run(broken, { objects, random });
    expect(result).toMatchObject({
      status: 'FAILED',
      error: 'States.Runtime',
      cause: 'TypeError: no randomness',
    });
  });

  it('is refused before the start when nothing performs the resource', async () => {
    await expect(run(definition)).rejects.toMatchObject({
      name: 'UnsupportedDefinitionError',
      details: { resource },
    });
  });
});
