import type { MapState, ParallelState, TaskState } from '../definition.ts';
import { errorOutput, matchesError, type StateFailure, Stopped, toOwnFailure } from '../errors.ts';
import { newLedger, nextRetryDelayMs } from '../retry.ts';
import { assignAndOutput, recordEvaluationFailure, type Visit } from '../thread.ts';
import type { ChildrenPosition, Json } from '../types.ts';
import { sleepUnlessStopped, type Transition } from './flow.ts';

/** How one attempt of a Task, Map or Parallel state ended. */
export type Attempt =
  | { readonly kind: 'result'; readonly result: Json }
  | {
      readonly kind: 'failed';
      readonly failure: StateFailure;
      readonly children?: ChildrenPosition | undefined;
    }
  | { readonly kind: 'stopped'; readonly children?: ChildrenPosition | undefined };

export type StateEnd = ({ readonly kind: 'next' } & Transition) | Exclude<Attempt, { kind: 'result' }>;

/**
 * Tries the state until it succeeds, a retrier is used up, or a catcher takes the error. Assign and Output belong to
 * the attempt: an error in them is retried and caught like any other. A retry starts Map and Parallel anew; only a
 * redrive (`resume`) spares what succeeded.
 */
export async function runRetrying(
  state: TaskState | MapState | ParallelState,
  visit: Visit,
  resume: ChildrenPosition | undefined,
  attempt: (resume: ChildrenPosition | undefined) => Promise<Attempt>,
): Promise<StateEnd> {
  const ledger = newLedger();
  for (let from = resume; ; from = undefined) {
    const end = await complete(state, visit, () => attempt(from));
    if (end.kind !== 'failed') return end;
    const delayMs = nextRetryDelayMs(
      state.retry,
      end.failure,
      ledger,
      visit.thread.execution.services.random,
    );
    if (delayMs === undefined) return handle(state, visit, end);
    try {
      await sleepUnlessStopped(visit, delayMs);
    } catch (thrown) {
      if (thrown instanceof Stopped) return { kind: 'stopped', children: end.children };
      throw thrown;
    }
    visit.retryCount += 1;
  }
}

async function complete(
  state: TaskState | MapState | ParallelState,
  visit: Visit,
  attempt: () => Promise<Attempt>,
): Promise<StateEnd> {
  try {
    const end = await attempt();
    if (end.kind !== 'result') return end;
    return {
      kind: 'next',
      next: state.next,
      output: await assignAndOutput(state, visit, end.result, { result: end.result }),
    };
  } catch (thrown) {
    if (thrown instanceof Stopped) return { kind: 'stopped' };
    return evaluationFailed(visit, thrown);
  }
}

async function handle(
  state: TaskState | MapState | ParallelState,
  visit: Visit,
  end: Extract<StateEnd, { kind: 'failed' }>,
): Promise<StateEnd> {
  const catcher = state.catchers.find((candidate) => matchesError(candidate.errorEquals, end.failure.error));
  if (catcher === undefined) return end;
  const caught = errorOutput(end.failure);
  try {
    const output = await assignAndOutput(catcher, visit, caught, { errorOutput: caught });
    return { kind: 'next', next: catcher.next, output };
  } catch (thrown) {
    return { ...evaluationFailed(visit, thrown), children: end.children };
  }
}

function evaluationFailed(visit: Visit, thrown: unknown): Extract<StateEnd, { kind: 'failed' }> {
  const failure = toOwnFailure(thrown);
  recordEvaluationFailure(visit, failure);
  return { kind: 'failed', failure };
}
