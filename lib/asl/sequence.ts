import type { Machine, State } from './definition.ts';
import { Stopped, toOwnFailure } from './errors.ts';
import { runChoice, runFail, runPass, runSucceed, runWait } from './states/flow.ts';
import { runInlineMap } from './states/map-inline.ts';
import { runMapRun } from './states/map-run.ts';
import { runParallel } from './states/parallel.ts';
import { runRetrying, type StateEnd } from './states/retrying.ts';
import { runTask } from './states/task.ts';
import {
  record,
  recordEvaluationFailure,
  type Scope,
  type SequenceEnd,
  type Thread,
  type Visit,
} from './thread.ts';
import type { ChildrenPosition, Json, Position } from './types.ts';

/** Runs states from the given one until the sequence ends, fails, or is stopped; says where it stood then. */
export async function runSequence(machine: Machine, start: Position, thread: Thread): Promise<SequenceEnd> {
  const scope: Scope = { outer: thread.outer, values: new Map(Object.entries(start.variables)) };
  let { input, children } = start;
  for (let name = start.state; ; ) {
    const variables = Object.fromEntries(scope.values);
    const standing = (at?: ChildrenPosition): Position => ({
      state: name,
      input,
      variables,
      ...(at === undefined ? {} : { children: at }),
    });
    if (thread.stop.aborted) return { kind: 'stopped', position: standing(children) };
    const state = machine.states.get(name);
    if (state === undefined) throw new Error(`there is no state ${name}`);
    const end = await visitState(state, input, scope, thread, children);
    if (end.kind === 'failed')
      return { kind: 'failed', failure: end.failure, position: standing(end.children) };
    if (end.kind === 'stopped') return { kind: 'stopped', position: standing(end.children) };
    if (end.next === undefined) return { kind: 'done', output: end.output };
    name = end.next;
    input = end.output;
    children = undefined;
  }
}

async function visitState(
  state: State,
  input: Json,
  scope: Scope,
  thread: Thread,
  resume: ChildrenPosition | undefined,
): Promise<StateEnd> {
  const visit: Visit = {
    thread,
    scope,
    state,
    input,
    enteredMs: thread.execution.services.now(),
    retryCount: 0,
    assigned: [],
  };
  record(thread, `${state.type}StateEntered`, () => ({
    stateEnteredEventDetails: { name: state.name, input: JSON.stringify(input) },
  }));
  const end = await execute(state, visit, resume);
  if (end.kind === 'next') {
    const { output } = end;
    record(thread, `${state.type}StateExited`, () => ({
      stateExitedEventDetails: {
        name: state.name,
        output: JSON.stringify(output),
        ...(visit.assigned.length === 0
          ? {}
          : {
              assignedVariables: Object.fromEntries(
                visit.assigned.map(([variable, value]) => [variable, JSON.stringify(value)]),
              ),
            }),
      },
    }));
  } else if (end.kind === 'stopped') record(thread, `${state.type}StateAborted`);
  return end;
}

async function execute(state: State, visit: Visit, resume: ChildrenPosition | undefined): Promise<StateEnd> {
  switch (state.type) {
    case 'Task':
      return runRetrying(state, visit, undefined, async () => ({
        kind: 'result',
        result: await runTask(state, visit),
      }));
    case 'Map': {
      const runMap = state.mode === 'DISTRIBUTED' ? runMapRun : runInlineMap;
      return runRetrying(state, visit, resume, (from) => runMap(state, visit, from, runSequence));
    }
    case 'Parallel':
      return runRetrying(state, visit, resume, (from) => runParallel(state, visit, from, runSequence));
    case 'Choice':
      return settled(visit, () => runChoice(state, visit));
    case 'Pass':
      return settled(visit, () => runPass(state, visit));
    case 'Wait':
      return settled(visit, () => runWait(state, visit));
    case 'Succeed':
      return settled(visit, () => runSucceed(state, visit));
    case 'Fail':
      return settled(visit, () => runFail(state, visit));
  }
}

async function settled(
  visit: Visit,
  run: () => Promise<{ readonly next: string | undefined; readonly output: Json }>,
): Promise<StateEnd> {
  try {
    return { kind: 'next', ...(await run()) };
  } catch (thrown) {
    if (thrown instanceof Stopped) return { kind: 'stopped' };
    const failure = toOwnFailure(thrown);
    recordEvaluationFailure(visit, failure);
    return { kind: 'failed', failure };
  }
}
