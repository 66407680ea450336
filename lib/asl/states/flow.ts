import type { ChoiceState, FailState, PassState, SucceedState, WaitState } from '../definition.ts';
import { ErrorName, StateFailure, Stopped } from '../errors.ts';
import { parseTimestamp } from '../load-state.ts';
import { assignAndOutput, evaluate, type Visit } from '../thread.ts';
import type { Json } from '../types.ts';
import { evaluateNumber } from './numbers.ts';

/** Where a sequence goes on; `next` undefined ends it. */
export interface Transition {
  readonly next: string | undefined;
  readonly output: Json;
}

export async function runPass(state: PassState, visit: Visit): Promise<Transition> {
  return { next: state.next, output: await assignAndOutput(state, visit, visit.input) };
}

export async function runSucceed(state: SucceedState, visit: Visit): Promise<Transition> {
  return {
    next: undefined,
    output: await assignAndOutput({ assign: undefined, output: state.output }, visit, visit.input),
  };
}

/** @throws StateFailure always: the state's own error, or States.QueryEvaluationError */
export async function runFail(state: FailState, visit: Visit): Promise<never> {
  const error = await evaluateText(state.error, visit, 'Error');
  throw new StateFailure(error, await evaluateText(state.cause, visit, 'Cause'));
}

async function evaluateText(
  template: FailState['error'],
  visit: Visit,
  field: string,
): Promise<string | undefined> {
  if (template === undefined) return undefined;
  const value = await evaluate(template, visit);
  if (typeof value === 'string') return value;
  throw evaluationError(visit, field, 'a string is expected');
}

/** @throws StateFailure States.NoChoiceMatched; States.QueryEvaluationError when a condition gives no boolean */
export async function runChoice(state: ChoiceState, visit: Visit): Promise<Transition> {
  for (const rule of state.choices) {
    const matched = await evaluate(rule.condition, visit);
    if (typeof matched !== 'boolean') throw evaluationError(visit, 'Condition', 'a boolean is expected');
    if (matched) return { next: rule.next, output: await assignAndOutput(rule, visit, visit.input) };
  }
  if (state.fallback === undefined) {
    throw new StateFailure(
      ErrorName.NoChoiceMatched,
      `No rule of the state '${state.name}' matched, and it has no Default`,
    );
  }
  return { next: state.fallback.next, output: await assignAndOutput(state.fallback, visit, visit.input) };
}

/** @throws Stopped when the sequence is stopped meanwhile */
export async function runWait(state: WaitState, visit: Visit): Promise<Transition> {
  const { services } = visit.thread.execution;
  const seconds = await evaluateNumber(state.seconds, visit, 'Seconds', { min: 0, max: 99_999_999 });
  const waitMs = seconds === undefined ? (await untilMs(state, visit)) - services.now() : seconds * 1_000;
  if (waitMs > 0) await sleepUnlessStopped(visit, waitMs);
  return { next: state.next, output: await assignAndOutput(state, visit, visit.input) };
}

async function untilMs(state: WaitState, visit: Visit): Promise<number> {
  const value = state.timestamp === undefined ? undefined : await evaluate(state.timestamp, visit);
  return parseTimestamp(value, (message) => evaluationError(visit, 'Timestamp', message));
}

/** @throws Stopped */
export async function sleepUnlessStopped({ thread }: Visit, ms: number): Promise<void> {
  if (thread.stop.aborted) throw new Stopped();
  try {
    await thread.execution.services.sleep(ms, thread.stop);
  } catch (thrown) {
    throw thread.stop.aborted ? new Stopped() : thrown;
  }
}

function evaluationError(visit: Visit, field: string, problem: string): StateFailure {
  return new StateFailure(
    ErrorName.QueryEvaluationError,
    `The field '${field}' of the state '${visit.state.name}': ${problem}`,
  );
}
