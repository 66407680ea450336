import { call, type Definition, definitionOf, distributedMap } from '../asl/support.ts';
import type { MachineCase } from './both-interpreters.ts';

/** Small machines that two interpreters must agree on, by what each shows. */

const pass = (more: Definition): Definition => ({ Type: 'Pass', ...('Next' in more ? {} : { End: true }), ...more });
const retry = (more: Definition): Definition => ({ IntervalSeconds: 1, BackoffRate: 1, ...more });
const fromBucket = (type: string, more: Definition = {}): Definition => ({
  ItemReader: {
    Resource: 'arn:aws:states:::s3:getObject',
    ReaderConfig: { InputType: type, ...more },
    Arguments: { Bucket: 'bucket', Key: 'items' },
  },
});
const inlineMap = (states: Definition, more: Definition = {}): Definition => ({
  Type: 'Map',
  MaxConcurrency: 1,
  ItemProcessor: {
    ProcessorConfig: { Mode: 'INLINE' },
    StartAt: Object.keys(states)[0],
    States: states,
  },
  ...('Next' in more ? {} : { End: true }),
  ...more,
});
const branch = (states: Definition): Definition => ({ StartAt: Object.keys(states)[0], States: states });
const failure = '{% {"error": $states.errorOutput.Error, "cause": $states.errorOutput.Cause} %}';
const caught = (next: string, more: Definition = {}): Definition => ({
  ErrorEquals: ['States.ALL'],
  Next: next,
  ...more,
});
const three = JSON.stringify([{ n: 1 }, { n: 2, bad: true }, { n: 3 }]);

export const sharedMachines: Readonly<Record<string, MachineCase>> = {
  'a pass gives its input on': { definition: definitionOf({ A: pass({}) }), input: { a: [1, 'x', true] } },
  'templates mix constants and expressions': {
    definition: definitionOf({
      A: pass({
        Output: {
          list: ['{% $states.input.n %}', 'as it is', { deep: '{% $count($states.input.list) %}' }],
          text: 'not {% an expression',
          yes: true,
        },
      }),
    }),
    input: { n: 1, list: [1, 2, 3] },
  },
  'an expression that gives nothing fails by name': {
    definition: definitionOf({ A: pass({ Output: '{% $states.input.none %}' }) }),
  },
  'an undefined field of an object is left out': {
    definition: definitionOf({ A: pass({ Output: '{% {"a": 1, "b": $states.input.none} %}' }) }),
  },
  'the first choice that holds is taken, with its own assignments and output': {
    definition: definitionOf({
      A: {
        Type: 'Choice',
        Choices: [
          { Condition: '{% $states.input.n > 10 %}', Next: 'Large' },
          {
            Condition: '{% $states.input.n > 5 %}',
            Next: 'Middle',
            Assign: { size: 'middle' },
            Output: '{% $states.input.n %}',
          },
          { Condition: '{% $states.input.n > 0 %}', Next: 'Large' },
        ],
        Default: 'Large',
      },
      Middle: pass({ Output: '{% [$size, $states.input] %}' }),
      Large: { Type: 'Fail', Error: 'Wrong', Cause: 'the wrong way' },
    }),
    input: { n: 7 },
  },
  'a choice without a match takes its default': {
    definition: definitionOf({
      A: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'B' }], Default: 'C' },
      B: { Type: 'Fail' },
      C: { Type: 'Succeed' },
    }),
  },
  'a loop counts to its end': {
    definition: definitionOf({
      A: pass({ Assign: { i: 0, seen: [] }, Next: 'More' }),
      More: {
        Type: 'Choice',
        Choices: [{ Condition: '{% $i < 3 %}', Next: 'Call' }],
        Default: 'End',
      },
      Call: call('f', {
        Arguments: { FunctionName: 'f', Payload: { i: '{% $i %}' } },
        Assign: { i: '{% $i + 1 %}', seen: '{% $append($seen, [$states.result.Payload.seen.i]) %}' },
        Next: 'More',
      }),
      End: pass({ Output: '{% $seen %}' }),
    }),
    functions: { f: ['echo'] },
  },
  'a wait lasts as long as it says': {
    definition: definitionOf({
      A: { Type: 'Wait', Seconds: '{% $states.input.seconds %}', Next: 'B' },
      B: { Type: 'Wait', Seconds: 2, End: true },
    }),
    input: { seconds: 61 },
  },
  'a succeed state may compute its output': {
    definition: definitionOf({ A: { Type: 'Succeed', Output: '{% $states.input.a %}' } }),
    input: { a: 'x' },
  },
  'a fail state computes its error and cause': {
    definition: definitionOf({
      A: { Type: 'Fail', Error: "{% 'My' & $states.input.name %}", Cause: '{% $states.input.why %}' },
    }),
    input: { name: 'Error', why: 'because' },
  },
  'a task gets its payload and gives its result': {
    definition: definitionOf({
      A: call('f', {
        Arguments: { FunctionName: 'f', Payload: { a: '{% $states.input.a + 1 %}', b: 'x' } },
        Assign: { status: '{% $states.result.StatusCode %}' },
        Next: 'B',
      }),
      B: pass({ Output: '{% {"status": $status, "payload": $states.input} %}' }),
    }),
    input: { a: 1 },
    functions: { f: [{ answer: { list: [1, [2], {}] } }] },
  },
  'the error of a function is the error of the execution': {
    definition: definitionOf({ A: call('f') }),
    functions: { f: [{ error: 'PlanStaleError' }] },
  },
  'a task is tried again as often as its retrier says, with growing waits': {
    definition: definitionOf({
      A: call('f', {
        Retry: [{ ErrorEquals: ['Busy'], IntervalSeconds: 2, BackoffRate: 3, MaxAttempts: 4, MaxDelaySeconds: 30 }],
      }),
    }),
    functions: { f: [...Array(4).fill({ error: 'Busy' }), 'echo'] },
  },
  'the retrier that matches first decides alone, and each keeps its own count': {
    definition: definitionOf({
      A: call('f', {
        Retry: [
          retry({ ErrorEquals: ['A', 'B'], MaxAttempts: 2 }),
          retry({ ErrorEquals: ['States.ALL'], IntervalSeconds: 5, MaxAttempts: 2 }),
        ],
        Catch: [caught('C')],
      }),
      C: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { f: [{ error: 'A' }, { error: 'X' }, { error: 'B' }, { error: 'X' }, { error: 'A' }, 'echo'] },
  },
  'a retrier of no attempts goes straight to the catchers': {
    definition: definitionOf({
      A: call('f', {
        Retry: [retry({ ErrorEquals: ['A'], MaxAttempts: 0 }), retry({ ErrorEquals: ['States.ALL'] })],
        Catch: [caught('C')],
      }),
      C: pass({}),
    }),
    functions: { f: [{ error: 'A' }, 'echo'] },
  },
  'a retry knows its number': {
    definition: definitionOf({
      A: call('f', {
        Arguments: { FunctionName: 'f', Payload: { count: '{% $states.context.State.RetryCount %}' } },
        Retry: [retry({ ErrorEquals: ['States.TaskFailed'], MaxAttempts: 2 })],
      }),
    }),
    functions: { f: [{ error: 'A' }, { error: 'A' }, 'echo'] },
  },
  'the counts of a retrier begin anew when the state is entered again': {
    definition: definitionOf({
      A: pass({ Assign: { n: 0 }, Next: 'Call' }),
      Call: call('f', {
        Retry: [retry({ ErrorEquals: ['Busy'], MaxAttempts: 1 })],
        Assign: { n: '{% $n + 1 %}' },
        Next: 'More',
      }),
      More: { Type: 'Choice', Choices: [{ Condition: '{% $n < 2 %}', Next: 'Call' }], Default: 'Done' },
      Done: { Type: 'Succeed' },
    }),
    functions: { f: [{ error: 'Busy' }, 'echo', { error: 'Busy' }, 'echo'] },
  },
  'a catcher assigns, outputs and goes on': {
    definition: definitionOf({
      A: call('f', {
        Catch: [
          { ErrorEquals: ['Other'], Next: 'B' },
          caught('C', { Assign: { failure }, Output: { kept: '{% $states.input.a %}' } }),
        ],
        Next: 'B',
      }),
      B: { Type: 'Fail', Error: 'Wrong' },
      C: pass({ Output: '{% {"failure": $failure.error, "cause": $failure.cause, "input": $states.input} %}' }),
    }),
    input: { a: 1 },
    functions: { f: [{ error: 'IntegrityError' }] },
  },
  'without an output of the catcher the error is the next input': {
    definition: definitionOf({ A: call('f', { Catch: [caught('B')], Next: 'B' }), B: pass({}) }),
    functions: { f: [{ error: 'A' }] },
  },
  'branches run side by side on one input and give an array': {
    definition: definitionOf({
      A: {
        Type: 'Parallel',
        Arguments: { x: '{% $states.input.a %}' },
        Branches: [
          branch({ L: call('f') }),
          branch({ M: pass({ Assign: { y: 1 }, Next: 'N' }), N: pass({ Output: '{% $y + $states.input.x %}' }) }),
        ],
        Assign: { sum: '{% $states.result[1] %}' },
        Next: 'B',
      },
      B: pass({ Output: '{% [$sum, $states.input] %}' }),
    }),
    input: { a: 4 },
    functions: { f: ['echo'] },
    concurrent: true,
  },
  'the failure of a branch is that of the parallel state': {
    definition: definitionOf({
      A: {
        Type: 'Parallel',
        Branches: [branch({ L: call('f') }), branch({ M: pass({}) })],
        Catch: [caught('B')],
        End: true,
      },
      B: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { f: [{ error: 'BranchError' }] },
  },
  'a parallel state is tried again as a whole': {
    definition: definitionOf({
      A: {
        Type: 'Parallel',
        Branches: [branch({ L: call('f', { Next: 'M' }), M: call('g') })],
        Retry: [retry({ ErrorEquals: ['Later'], MaxAttempts: 1 })],
        End: true,
      },
    }),
    functions: { f: ['echo'], g: [{ error: 'Later' }, 'echo'] },
  },
  'a variable of outside can be read in a branch': {
    definition: definitionOf({
      A: pass({ Assign: { x: { deep: [1, 2] } }, Next: 'B' }),
      B: { Type: 'Parallel', Branches: [branch({ L: pass({ Output: '{% $x.deep[1] %}' }) })], End: true },
    }),
  },
  'an inline map selects its items and keeps their order': {
    definition: definitionOf({
      A: inlineMap(
        { U: call('f') },
        {
          Items: '{% $states.input.list %}',
          ItemSelector: {
            value: '{% $states.context.Map.Item.Value %}',
            index: '{% $states.context.Map.Item.Index %}',
            all: '{% $count($states.input.list) %}',
          },
        },
      ),
    }),
    input: { list: ['a', 'b', 'c'] },
    functions: { f: ['echo'] },
  },
  'an inline map side by side keeps the order of its results': {
    definition: definitionOf({
      A: inlineMap({ U: call('f') }, { MaxConcurrency: 3, Items: '{% [1..7] %}' }),
    }),
    functions: { f: ['echo'] },
    concurrent: true,
  },
  'an inline map of nothing gives nothing': {
    definition: definitionOf({ A: inlineMap({ U: call('f') }, { Items: '{% $states.input.list %}' }) }),
    input: { list: [] },
    functions: { f: ['echo'] },
  },
  'a failed item fails an inline map, and what follows is not called': {
    definition: definitionOf({
      A: inlineMap({ U: call('f') }, { Items: JSON.parse(three), Catch: [caught('B')] }),
      B: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { f: ['echo good'] },
  },
  'an item that is tried again lets the map go on': {
    definition: definitionOf({
      A: inlineMap(
        { U: call('f', { Retry: [retry({ ErrorEquals: ['Busy'], MaxAttempts: 2 })] }) },
        { Items: '{% [1..3] %}' },
      ),
    }),
    functions: { f: ['echo', { error: 'Busy' }, 'echo'] },
  },
  'a failed item may be caught within': {
    definition: definitionOf({
      A: inlineMap(
        { U: call('f', { Catch: [caught('V')] }), V: pass({ Output: '{% $states.input.Error %}' }) },
        { Items: JSON.parse(three) },
      ),
    }),
    functions: { f: ['echo good'] },
  },
  'a map in a map sees both': {
    definition: definitionOf({
      A: inlineMap(
        {
          U: inlineMap(
            { V: pass({ Output: '{% $states.context.Map.Item.Value * 10 %}' }) },
            { Items: '{% $states.input %}' },
          ),
        },
        { Items: '{% [[1, 2], [3]] %}' },
      ),
    }),
  },
  'a distributed map reads a JSON array from a bucket': {
    definition: definitionOf({
      A: pass({ Assign: { attempt: 2 }, Next: 'B' }),
      B: distributedMap({
        ...fromBucket('JSON'),
        ItemSelector: { item: '{% $states.context.Map.Item.Value %}', attempt: '{% $attempt %}' },
        MaxConcurrency: '{% $attempt %}',
      }),
    }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': three },
    concurrent: true,
  },
  'a distributed map reads a CSV file with a header': {
    definition: definitionOf({ A: distributedMap(fromBucket('CSV', { CSVHeaderLocation: 'FIRST_ROW' })) }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': 'id,name\n1,one\n2,"two, or\nmore"\n3\n' },
    concurrent: true,
  },
  'a distributed map reads a CSV file with given headers': {
    definition: definitionOf({
      A: distributedMap(fromBucket('CSV', { CSVHeaderLocation: 'GIVEN', CSVHeaders: ['a', 'b'] })),
    }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': '1,2\r\n"say ""x""",4\r\n' },
    concurrent: true,
  },
  'a distributed map takes at most so many items': {
    definition: definitionOf({ A: distributedMap(fromBucket('JSON', { MaxItems: 2 })) }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': three },
    concurrent: true,
  },
  'a distributed map takes items from the state': {
    definition: definitionOf({
      A: distributedMap({ ItemReader: undefined, Items: '{% $states.input.list %}', MaxConcurrency: 2 }),
    }),
    input: { list: [{ a: 1 }, { a: 2 }] },
    functions: { work: ['echo'] },
    concurrent: true,
  },
  'items that are no array fail the reader by name': {
    definition: definitionOf({
      A: distributedMap({ ...fromBucket('JSON'), Catch: [caught('B')] }),
      B: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': '"text"' },
  },
  'the context knows the execution and the state': {
    definition: definitionOf({
      A: pass({
        Output:
          '{% {"name": $states.context.Execution.Name, "input": $states.context.Execution.Input, "state": $states.context.State.Name} %}',
      }),
    }),
    input: { a: 1 },
  },
};
