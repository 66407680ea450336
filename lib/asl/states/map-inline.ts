import { forEachConcurrently } from '../concurrency.ts';
import type { MapState } from '../definition.ts';
import { type StateFailure, toOwnFailure } from '../errors.ts';
import { checkPayload } from '../payload.ts';
import { createPositions } from '../redrive.ts';
import { type RunSequence, record, type Thread, type Visit } from '../thread.ts';
import type { ChildrenPosition, Json } from '../types.ts';
import { type ChildInput, childInputs, itemsInMemory } from './map-items.ts';
import { evaluateNumber } from './numbers.ts';
import type { Attempt } from './retrying.ts';

/** Iterations that the service runs at a time at most. */
const INLINE_CONCURRENCY = 40;

/** Runs the iterations inside the execution; the first iteration that fails fails the state with its error. */
export async function runInlineMap(
  state: MapState,
  visit: Visit,
  resume: ChildrenPosition | undefined,
  runSequence: RunSequence,
): Promise<Attempt> {
  const { thread } = visit;
  const asked = await evaluateNumber(state.maxConcurrency, visit, 'MaxConcurrency', { min: 0 });
  const items = (await itemsInMemory(state, visit)) ?? [];
  const { length } = items;
  record(thread, 'MapStateStarted', () => ({ mapStateStartedEventDetails: { length } }));
  const positions = createPositions(resume);
  const halt = new AbortController();
  const stop = AbortSignal.any([thread.stop, halt.signal]);
  let first: StateFailure | undefined;

  const runOne = async ({ index, input, mapItem }: ChildInput): Promise<void> => {
    if (positions.hasSucceeded(index)) return;
    const iteration: Thread = { ...thread, outer: visit.scope, stop, mapItem };
    const details = { name: state.name, index };
    record(iteration, 'MapIterationStarted', () => ({ mapIterationStartedEventDetails: details }));
    const start = positions.startOf(index) ?? {
      state: state.processor.startAt,
      input: input ?? null,
      variables: {},
    };
    const end = await runSequence(state.processor, start, iteration);
    if (end.kind === 'done') {
      record(iteration, 'MapIterationSucceeded', () => ({ mapIterationSucceededEventDetails: details }));
      positions.succeed(index, end.output);
      return;
    }
    positions.stop(index, end.position);
    if (end.kind === 'stopped')
      return record(iteration, 'MapIterationAborted', () => ({ mapIterationAbortedEventDetails: details }));
    record(iteration, 'MapIterationFailed', () => ({ mapIterationFailedEventDetails: details }));
    first ??= end.failure;
    halt.abort();
  };
  const inputs = childInputs(state, visit, items, positions.hasSucceeded);
  const limit = Math.min(asked || INLINE_CONCURRENCY, INLINE_CONCURRENCY);
  try {
    await forEachConcurrently(inputs, limit, () => !stop.aborted, runOne);
  } catch (thrown) {
    first ??= toOwnFailure(thrown);
  }
  if (first !== undefined) {
    record(thread, 'MapStateFailed');
    return { kind: 'failed', failure: first, children: positions.take() };
  }
  if (!positions.hasAll(length)) return { kind: 'stopped', children: positions.take() };
  const result: Json = Array.from({ length }, (_, index) => positions.outputOf(index));
  checkPayload(result, `The result of the state '${state.name}'`);
  record(thread, 'MapStateSucceeded');
  return { kind: 'result', result };
}
