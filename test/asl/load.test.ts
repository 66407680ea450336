import { describe, expect, it } from 'vitest';
import { loadStateMachine } from '../../lib/asl/index.ts';
import { call, type Definition, definitionOf, distributedMap, toResults } from './support.ts';

const pass = { Type: 'Pass', End: true };
const one = (state: Definition): Definition => definitionOf({ S: state });

function refusal(definition: unknown): {
  readonly name: string;
  readonly path: unknown;
  readonly message: string;
} {
  try {
    loadStateMachine(definition);
  } catch (error) {
    const { name, message, details } = error as Error & { details: { path?: unknown } };
    return { name, message, path: details.path };
  }
  throw new Error('the definition was accepted');
}

describe('a definition that is accepted', () => {
  it('may have every field of the machine', () => {
    const machine = loadStateMachine(
      definitionOf({ S: pass }, { Comment: 'c', Version: '1.0', TimeoutSeconds: 5 }),
    );
    expect(machine).toMatchObject({ startAt: 'S', timeoutSeconds: 5, name: 'StateMachine' });
  });

  it('lists the resources of its tasks, nested ones included', () => {
    const machine = loadStateMachine(definitionOf({ M: distributedMap() }));
    expect([...machine.resources]).toEqual(['arn:aws:states:::lambda:invoke']);
  });

  it('has a digest that changes with its content', () => {
    const digest = (definition: Definition): string => loadStateMachine(definition).digest;
    expect(digest(one(pass))).toBe(digest(one(pass)));
    expect(digest(one(pass))).not.toBe(digest(one({ ...pass, Output: 1 })));
  });
});

describe('substitutions', () => {
  const definition = definitionOf({ T: call(`\${work}`) });

  it('replace their names in every string', () => {
    const substituted = loadStateMachine(definition, { substitutions: { work: 'f' } });
    expect(substituted.digest).toBe(loadStateMachine(definitionOf({ T: call('f') })).digest);
  });

  it('are refused when a value is missing', () => {
    expect(refusal(definition)).toMatchObject({
      name: 'InvalidDefinitionError',
      path: '$.States.T.Arguments.FunctionName',
    });
  });
});

describe('what is not implemented is refused by name', () => {
  const label = distributedMap();
  const cases: Readonly<Record<string, readonly [Definition, string]>> = {
    'JSONPath mode by default': [{ StartAt: 'S', States: { S: pass } }, '$.QueryLanguage'],
    'JSONPath mode': [definitionOf({ S: pass }, { QueryLanguage: 'JSONPath' }), '$.QueryLanguage'],
    'JSONPath in one state': [one({ ...pass, QueryLanguage: 'JSONPath' }), '$.States.S.QueryLanguage'],
    'another version': [definitionOf({ S: pass }, { Version: '2.0' }), '$.Version'],
    InputPath: [one({ ...pass, InputPath: '$' }), '$.States.S.InputPath'],
    OutputPath: [one({ ...pass, OutputPath: '$' }), '$.States.S.OutputPath'],
    ResultPath: [one({ ...pass, ResultPath: '$' }), '$.States.S.ResultPath'],
    Parameters: [one({ ...call('f'), Parameters: {} }), '$.States.S.Parameters'],
    ResultSelector: [one({ ...call('f'), ResultSelector: {} }), '$.States.S.ResultSelector'],
    Result: [one({ ...pass, Result: 1 }), '$.States.S.Result'],
    Credentials: [one({ ...call('f'), Credentials: {} }), '$.States.S.Credentials'],
    'task tokens': [
      one({ ...call('f'), Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken' }),
      '$.States.S.Resource',
    ],
    activities: [
      one({ ...call('f'), Resource: 'arn:aws:states:us-east-1:1:activity:a' }),
      '$.States.S.Resource',
    ],
    Iterator: [one({ ...label, Iterator: {} }), '$.States.S.Iterator'],
    'EXPRESS children': [
      one({
        ...label,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' },
          StartAt: 'P',
          States: { P: pass },
        },
      }),
      '$.States.S.ItemProcessor.ProcessorConfig.ExecutionType',
    ],
    'PARQUET items': [reader({ InputType: 'PARQUET' }), '$.States.S.ItemReader.ReaderConfig.InputType'],
    LOAD_AND_FLATTEN: [
      reader({ InputType: 'JSONL', Transformation: 'LOAD_AND_FLATTEN' }),
      '$.States.S.ItemReader.ReaderConfig.Transformation',
    ],
    'Athena manifests': [
      reader({ InputType: 'MANIFEST', ManifestType: 'ATHENA_DATA' }),
      '$.States.S.ItemReader.ReaderConfig.ManifestType',
    ],
    'another reader': [
      one({ ...label, ItemReader: { Resource: 'arn:aws:states:::dynamodb:scan', Arguments: {} } }),
      '$.States.S.ItemReader.Resource',
    ],
    'another writer': [
      one({ ...label, ResultWriter: { Resource: 'arn:aws:states:::dynamodb:putItem', Arguments: {} } }),
      '$.States.S.ResultWriter.Resource',
    ],
    'JSON lines as a state output': [
      one({ ...label, ResultWriter: { WriterConfig: { OutputType: 'JSONL' } } }),
      '$.States.S.ResultWriter.WriterConfig.OutputType',
    ],
    'a variable named __proto__': [
      one({ ...pass, Assign: JSON.parse('{"__proto__": 1}') }),
      '$.States.S.Assign.__proto__',
    ],
    $eval: [one({ ...pass, Output: "{% $eval('1') %}" }), '$.States.S.Output'],
  };
  it.each(Object.entries(cases))('%s', (_, [definition, path]) => {
    expect(refusal(definition)).toMatchObject({ name: 'UnsupportedDefinitionError', path });
  });
});

function reader(config: Definition): Definition {
  return one({
    ...distributedMap(),
    ItemReader: {
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: config,
      Arguments: { Bucket: 'b', Key: 'k' },
    },
  });
}

describe('what breaks the language is refused with its path', () => {
  const retry = (retrier: Definition): Definition =>
    one(call('f', { Retry: [{ ErrorEquals: ['E'], ...retrier }] }));
  const map = distributedMap();
  const cases: Readonly<Record<string, readonly [unknown, string]>> = {
    'no object': [null, '$'],
    'an unknown field of the machine': [definitionOf({ S: pass }, { Foo: 1 }), '$.Foo'],
    'an unknown query language': [definitionOf({ S: pass }, { QueryLanguage: 'XPath' }), '$.QueryLanguage'],
    'no states': [definitionOf({}, { StartAt: 'S' }), '$.States'],
    'a start that does not exist': [definitionOf({ S: pass }, { StartAt: 'X' }), '$.StartAt'],
    'a state that nothing leads to': [definitionOf({ S: pass, T: pass }), '$.States.T'],
    'a next state that does not exist': [one({ Type: 'Pass', Next: 'X' }), '$.States.S'],
    'a next state in another scope': [
      definitionOf({
        S: {
          Type: 'Parallel',
          Branches: [{ StartAt: 'B', States: { B: { Type: 'Pass', Next: 'T' } } }],
          Next: 'T',
        },
        T: pass,
      }),
      '$.States.S.Branches[0].States.B',
    ],
    'a name used twice': [
      definitionOf({ S: { Type: 'Parallel', Branches: [{ StartAt: 'S', States: { S: pass } }], End: true } }),
      '$.States.S.Branches[0].States.S',
    ],
    'a name of 81 characters': [definitionOf({ ['n'.repeat(81)]: pass }), `$.States.${'n'.repeat(81)}`],
    'an unknown type': [one({ Type: 'Jump' }), '$.States.S.Type'],
    'an unknown field': [one({ ...pass, Nxt: 'S' }), '$.States.S.Nxt'],
    'neither Next nor End': [one({ Type: 'Pass' }), '$.States.S'],
    'both Next and End': [one({ ...pass, Next: 'S' }), '$.States.S'],
    'End false': [one({ Type: 'Pass', End: false }), '$.States.S'],
    'a Succeed with Next': [one({ Type: 'Succeed', Next: 'S' }), '$.States.S.Next'],
    'a Succeed with Assign': [one({ Type: 'Succeed', Assign: {} }), '$.States.S.Assign'],
    'a Fail with End': [one({ Type: 'Fail', End: true }), '$.States.S.End'],
    'a Choice with End': [
      one({ Type: 'Choice', Choices: [{ Condition: true, Next: 'S' }], End: true }),
      '$.States.S.End',
    ],
    'a Choice without rules': [one({ Type: 'Choice', Choices: [], Default: 'S' }), '$.States.S.Choices'],
    'a Condition that is text': [
      one({ Type: 'Choice', Choices: [{ Condition: 'x', Next: 'S' }] }),
      '$.States.S.Choices[0].Condition',
    ],
    'a Wait for nothing': [one({ Type: 'Wait', End: true }), '$.States.S'],
    'a Wait for both': [
      one({ Type: 'Wait', Seconds: 1, Timestamp: '2026-01-01T00:00:00Z', End: true }),
      '$.States.S',
    ],
    'negative Seconds': [one({ Type: 'Wait', Seconds: -1, End: true }), '$.States.S.Seconds'],
    'a Timestamp without a zone': [
      one({ Type: 'Wait', Timestamp: '2026-01-01T00:00:00', End: true }),
      '$.States.S.Timestamp',
    ],
    'a Resource that is no ARN': [one({ ...call('f'), Resource: 'f' }), '$.States.S.Resource'],
    'a Resource by expression': [one({ ...call('f'), Resource: '{% $x %}' }), '$.States.S.Resource'],
    'TimeoutSeconds 0': [one(call('f', { TimeoutSeconds: 0 })), '$.States.S.TimeoutSeconds'],
    'a heartbeat as long as the time-out': [
      one(call('f', { TimeoutSeconds: 5, HeartbeatSeconds: 5 })),
      '$.States.S.HeartbeatSeconds',
    ],
    'an empty ErrorEquals': [retry({ ErrorEquals: [] }), '$.States.S.Retry[0].ErrorEquals'],
    'an unknown States error': [retry({ ErrorEquals: ['States.Nope'] }), '$.States.S.Retry[0].ErrorEquals'],
    'States.ALL beside others': [
      retry({ ErrorEquals: ['States.ALL', 'E'] }),
      '$.States.S.Retry[0].ErrorEquals',
    ],
    'States.ALL before others': [
      one(
        call('f', {
          Catch: [
            { ErrorEquals: ['States.ALL'], Next: 'S' },
            { ErrorEquals: ['E'], Next: 'S' },
          ],
        }),
      ),
      '$.States.S.Catch[0].ErrorEquals',
    ],
    'IntervalSeconds 0': [retry({ IntervalSeconds: 0 }), '$.States.S.Retry[0].IntervalSeconds'],
    'MaxAttempts below 0': [retry({ MaxAttempts: -1 }), '$.States.S.Retry[0].MaxAttempts'],
    'a BackoffRate below 1': [retry({ BackoffRate: 0.5 }), '$.States.S.Retry[0].BackoffRate'],
    'MaxDelaySeconds not above the interval': [
      retry({ IntervalSeconds: 5, MaxDelaySeconds: 5 }),
      '$.States.S.Retry[0].MaxDelaySeconds',
    ],
    'an unknown jitter': [retry({ JitterStrategy: 'HALF' }), '$.States.S.Retry[0].JitterStrategy'],
    'a catcher without Next': [
      one(call('f', { Catch: [{ ErrorEquals: ['E'] }] })),
      '$.States.S.Catch[0].Next',
    ],
    'an assignment to states': [one({ ...pass, Assign: { states: 1 } }), '$.States.S.Assign.states'],
    'an assignment to a part': [one({ ...pass, Assign: { 'a.b': 1 } }), '$.States.S.Assign.a.b'],
    'an expression that does not parse': [one({ ...pass, Output: '{% 1 + %}' }), '$.States.S.Output'],
    'an expression that does not end': [one({ ...pass, Output: '{% 1 + 1' }), '$.States.S.Output'],
    'the context $': [one({ ...pass, Output: '{% $ %}' }), '$.States.S.Output'],
    'the root $$': [one({ ...pass, Output: '{% $$.a %}' }), '$.States.S.Output'],
    'a bare field name': [one({ ...pass, Output: '{% a.b %}' }), '$.States.S.Output'],
    'a bare field name inside a call': [one({ ...pass, Output: '{% $count(a) %}' }), '$.States.S.Output'],
    'no branches': [one({ Type: 'Parallel', Branches: [], End: true }), '$.States.S.Branches'],
    'an ItemReader in an INLINE Map': [
      one({ ...map, ItemProcessor: { StartAt: 'P', States: { P: pass } } }),
      '$.States.S.ItemReader',
    ],
    'Items beside an ItemReader': [one({ ...map, Items: [] }), '$.States.S'],
    'Items that are a number': [one({ ...map, ItemReader: undefined, Items: 3 }), '$.States.S.Items'],
    'a DISTRIBUTED Map without ExecutionType': [
      one({
        ...map,
        ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED' }, StartAt: 'P', States: { P: pass } },
      }),
      '$.States.S.ItemProcessor.ProcessorConfig.ExecutionType',
    ],
    'getObject without InputType': [reader({}), '$.States.S.ItemReader.ReaderConfig.InputType'],
    'CSV without a header location': [
      reader({ InputType: 'CSV' }),
      '$.States.S.ItemReader.ReaderConfig.CSVHeaderLocation',
    ],
    'GIVEN without headers': [
      reader({ InputType: 'CSV', CSVHeaderLocation: 'GIVEN' }),
      '$.States.S.ItemReader.ReaderConfig.CSVHeaders',
    ],
    'a pointer into JSON lines': [
      reader({ InputType: 'JSONL', ItemsPointer: '/a' }),
      '$.States.S.ItemReader.ReaderConfig.ItemsPointer',
    ],
    'MaxItems 0': [
      reader({ InputType: 'JSONL', MaxItems: 0 }),
      '$.States.S.ItemReader.ReaderConfig.MaxItems',
    ],
    'an empty ItemBatcher': [one({ ...map, ItemBatcher: {} }), '$.States.S.ItemBatcher'],
    'an empty ResultWriter': [one({ ...map, ResultWriter: {} }), '$.States.S.ResultWriter'],
    'a writer without a bucket': [
      one({ ...map, ResultWriter: { ...toResults, Arguments: { Prefix: 'p' } } }),
      '$.States.S.ResultWriter.Arguments.Bucket',
    ],
    'a percentage above 100': [
      one({ ...map, ToleratedFailurePercentage: 101 }),
      '$.States.S.ToleratedFailurePercentage',
    ],
    'a label of 41 characters': [one({ ...map, Label: 'l'.repeat(41) }), '$.States.S.Label'],
    'a label with a space': [one({ ...map, Label: 'a b' }), '$.States.S.Label'],
  };
  it.each(Object.entries(cases))('%s', (_, [definition, path]) => {
    expect(refusal(definition)).toMatchObject({ name: 'InvalidDefinitionError', path });
  });
});
