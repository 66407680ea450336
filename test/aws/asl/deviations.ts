import { call, type Definition, definitionOf, distributedMap } from '../../asl/support.ts';
import type { MachineCase, Outcome } from './both-interpreters.ts';

/** Where the second interpreter is not as the service is: what each makes of a machine, and what says that ours is right. */
export interface Deviation {
  readonly machine: MachineCase;
  readonly ours: Partial<Outcome>;
  readonly theirs: Partial<Outcome>;
  readonly why: string;
}

const end = (more: Definition): Definition => ({ Type: 'Pass', End: true, ...more });
const all = (next: string): Definition => ({ ErrorEquals: ['States.ALL'], Next: next });

export const deviations: Readonly<Record<string, Deviation>> = {
  'an output sees the variables as they were on entry': {
    machine: {
      definition: definitionOf({
        A: { Type: 'Pass', Assign: { x: 1 }, Next: 'B' },
        B: end({ Assign: { x: 2 }, Output: '{% $x + 40 %}' }),
      }),
    },
    ours: { output: 41 },
    theirs: { output: 42 },
    why: 'Assign and Output of one state are evaluated with the values on entry: developer guide, workflow-variables',
  },
  'a choice without a match and a default fails by its own name': {
    machine: {
      definition: definitionOf({
        A: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'B' }] },
        B: { Type: 'Succeed' },
      }),
    },
    ours: { error: 'States.NoChoiceMatched' },
    theirs: { error: 'States.Runtime' },
    why: 'States.NoChoiceMatched is in the appendix of the specification',
  },
  'an evaluation that fails in the output of a task can be caught': {
    machine: {
      definition: definitionOf({
        A: call('f', { Output: '{% $states.result.none %}', Catch: [all('B')], Next: 'B' }),
        B: end({ Output: '{% $states.input.Error %}' }),
      }),
      functions: { f: ['echo'] },
    },
    ours: { status: 'SUCCEEDED', output: 'States.QueryEvaluationError' },
    theirs: { status: 'FAILED', error: 'States.QueryEvaluationError' },
    why: 'the error is reported by the state, whichever of its fields it is in',
  },
  'nothing catches States.Runtime': {
    machine: {
      definition: definitionOf({
        A: call('f', { Arguments: { Payload: {} }, Catch: [all('B')], Next: 'B' }),
        B: { Type: 'Succeed' },
      }),
      functions: { f: ['echo'] },
    },
    ours: { status: 'FAILED', error: 'States.Runtime' },
    theirs: { status: 'SUCCEEDED' },
    why: 'developer guide, error names: States.ALL cannot catch the terminal States.Runtime',
  },
  'States.TaskFailed stands for the errors of the interpreter too': {
    machine: {
      definition: definitionOf({
        A: call('f', {
          Arguments: { FunctionName: 'f', Payload: '{% $states.input.none %}' },
          Catch: [{ ErrorEquals: ['States.TaskFailed'], Next: 'B' }],
          Next: 'B',
        }),
        B: { Type: 'Succeed' },
      }),
      functions: { f: ['echo'] },
    },
    ours: { status: 'SUCCEEDED' },
    theirs: { status: 'FAILED', error: 'States.QueryEvaluationError' },
    why: 'developer guide, error names: States.TaskFailed matches every known name but States.Timeout',
  },
  'a failed item fails a distributed map': {
    machine: {
      definition: definitionOf({
        A: distributedMap({ ItemReader: undefined, Items: [{ bad: true }] }),
      }),
      functions: { work: ['echo good'] },
    },
    ours: { status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' },
    theirs: { status: 'SUCCEEDED', output: [null] },
    why: 'without a tolerance the first failure is one too many: developer guide, failure thresholds',
  },
};
