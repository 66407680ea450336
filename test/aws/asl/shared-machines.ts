import { call, definitionOf } from '../../asl/support.ts';
import type { MachineCase } from './both-interpreters.ts';
import { caught, pass, retry } from './states.ts';

/** Small machines that two interpreters must agree on, by what each shows. */

const failure = '{% {"error": $states.errorOutput.Error, "cause": $states.errorOutput.Cause} %}';

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
        Retry: [
          { ErrorEquals: ['Busy'], IntervalSeconds: 2, BackoffRate: 3, MaxAttempts: 4, MaxDelaySeconds: 30 },
        ],
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
    functions: {
      f: [{ error: 'A' }, { error: 'X' }, { error: 'B' }, { error: 'X' }, { error: 'A' }, 'echo'],
    },
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
      C: pass({
        Output: '{% {"failure": $failure.error, "cause": $failure.cause, "input": $states.input} %}',
      }),
    }),
    input: { a: 1 },
    functions: { f: [{ error: 'IntegrityError' }] },
  },
  'without an output of the catcher the error is the next input': {
    definition: definitionOf({ A: call('f', { Catch: [caught('B')], Next: 'B' }), B: pass({}) }),
    functions: { f: [{ error: 'A' }] },
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
