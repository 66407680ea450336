import type { ParallelState } from '../definition.ts';
import { ErrorName, StateFailure } from '../errors.ts';
import { checkPayload } from '../payload.ts';
import { createPositions } from '../redrive.ts';
import { evaluate, type RunSequence, record, type SequenceEnd, type Visit } from '../thread.ts';
import type { ChildrenPosition, Json } from '../types.ts';
import type { Attempt } from './retrying.ts';

/**
 * Runs the branches side by side; the result is the array of their outputs. When one fails, no state starts in the
 * others any more, and the first failure is the state's.
 */
export async function runParallel(
  state: ParallelState,
  visit: Visit,
  resume: ChildrenPosition | undefined,
  runSequence: RunSequence,
): Promise<Attempt> {
  const { thread } = visit;
  const input = state.arguments === undefined ? visit.input : await evaluate(state.arguments, visit);
  checkPayload(input, `The input of the branches of the state '${state.name}'`);
  record(thread, 'ParallelStateStarted');
  const positions = createPositions(resume);
  const halt = new AbortController();
  const stop = AbortSignal.any([thread.stop, halt.signal]);
  let first: StateFailure | undefined;
  const settle = (index: number, end: SequenceEnd): void => {
    if (end.kind === 'done') positions.succeed(index, end.output);
    else positions.stop(index, end.position);
    if (end.kind !== 'failed') return;
    first ??= end.failure;
    halt.abort();
  };
  await Promise.all(
    state.branches.map(async (branch, index) => {
      if (positions.hasSucceeded(index)) return;
      const start = positions.startOf(index) ?? { state: branch.startAt, input, variables: {} };
      const branchThread = { ...thread, outer: visit.scope, stop };
      settle(index, await runSequence(branch, start, branchThread));
    }),
  );
  if (first !== undefined) {
    record(thread, 'ParallelStateFailed');
    return {
      kind: 'failed',
      failure: new StateFailure(first.error ?? ErrorName.BranchFailed, first.causeText),
      children: positions.take(),
    };
  }
  if (thread.stop.aborted && !positions.hasAll(state.branches.length))
    return { kind: 'stopped', children: positions.take() };
  const result: Json = state.branches.map((_, index) => positions.outputOf(index));
  checkPayload(result, `The result of the state '${state.name}'`);
  record(thread, 'ParallelStateSucceeded');
  return { kind: 'result', result };
}
