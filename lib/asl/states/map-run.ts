import { forEachConcurrently } from '../concurrency.ts';
import type { MapState } from '../definition.ts';
import { ErrorName, StateFailure, toOwnFailure } from '../errors.ts';
import { uuid } from '../functions.ts';
import { failureDetails } from '../history.ts';
import { causeMessage } from '../lambda.ts';
import { createPositions } from '../redrive.ts';
import { ARN_PREFIX, type RunSequence, record, type Thread, type Visit } from '../thread.ts';
import type { ChildrenPosition } from '../types.ts';
import { childExecution, childResult, pendingResult, runChild } from './map-child.ts';
import { type ChildInput, childInputs, itemsInMemory } from './map-items.ts';
import { openResults, type Results } from './map-results.ts';
import { evaluateTolerance } from './map-tolerance.ts';
import { evaluateNumber } from './numbers.ts';
import type { Attempt } from './retrying.ts';

/** Children that the service runs at a time at most. */
const DISTRIBUTED_CONCURRENCY = 10_000;

/**
 * Runs each item as a child execution of its own. Items are read as there is room for them; with an exporting
 * ResultWriter nothing is kept of a child that succeeded but one bit.
 *
 * Too many failures: no child starts any more, those that run come to their end (and count), then the state fails
 * with States.ExceedToleratedFailureThreshold, whose cause ends with the first failure.
 */
export async function runMapRun(
  state: MapState,
  visit: Visit,
  resume: ChildrenPosition | undefined,
  runSequence: RunSequence,
): Promise<Attempt> {
  const { thread } = visit;
  const { services } = thread.execution;
  const tolerance = await evaluateTolerance(state, visit);
  const asked = await evaluateNumber(state.maxConcurrency, visit, 'MaxConcurrency', { min: 0 });
  const id = resume?.mapRun?.id ?? uuid(services.random);
  const mapRunArn = `${ARN_PREFIX}:mapRun:${services.machineName}/${state.label}:${id}`;
  const results = await openResults(state, visit, mapRunArn, resume);
  const items = await itemsInMemory(state, visit);
  recordStart(thread, { mapRunArn, length: items?.length ?? 0, redriven: resume !== undefined });

  const positions = createPositions(resume);
  const halt = new AbortController();
  const stop = AbortSignal.any([thread.stop, halt.signal]);
  let failure: StateFailure | undefined;
  let firstFailed: string | undefined;
  let failed = 0;
  let total: number | undefined;
  const fail = (found: StateFailure): void => {
    failure ??= found;
    halt.abort();
  };
  const judge = (): void => {
    if (!tolerance.exceeded(failed, total)) return;
    const cause = `The specified tolerated failure threshold was exceeded. ${firstFailed}`;
    fail(new StateFailure(ErrorName.ExceedToleratedFailureThreshold, cause));
  };

  const runOne = async (child: ChildInput): Promise<void> => {
    if (positions.hasSucceeded(child.index)) return;
    const from = positions.startOf(child.index);
    const execution = childExecution(state, visit, child, id, from !== undefined);
    const end = await runChild(execution, state, from, { stop, runSequence });
    if (end.kind === 'done') positions.succeed(child.index, undefined);
    else positions.stop(child.index, end.position);
    try {
      if (end.kind !== 'stopped') await results.add(child.index, childResult(execution, end));
    } catch (thrown) {
      fail(toOwnFailure(thrown));
    }
    if (end.kind === 'failed') {
      failed += 1;
      firstFailed ??= `Item ${child.index}: ${end.failure.error ?? 'failed'}: ${causeMessage(end.failure.causeText)}`;
    }
    judge();
  };

  const inputs = childInputs(state, visit, items, positions.hasSucceeded);
  const counted = countItems(inputs, (count) => {
    total = count;
  });
  try {
    const limit = Math.min(asked || DISTRIBUTED_CONCURRENCY, DISTRIBUTED_CONCURRENCY);
    await forEachConcurrently(counted, limit, () => !stop.aborted, runOne);
    judge();
    if (exceeded(failure))
      await addPending(inputs, results, (child) => childExecution(state, visit, child, id, false));
  } catch (thrown) {
    fail(toOwnFailure(thrown));
  }
  // Also after a failure: the manifest then tells what succeeded, and a redrive goes on from it.
  await results.close().catch((thrown: unknown) => fail(toOwnFailure(thrown)));

  const children = results.redrivable()
    ? { ...positions.take({ mapRun: { id, resultFiles: results.files() } }), outputs: results.outputs() }
    : undefined;
  const complete = total !== undefined && positions.hasAll(total - failed);
  if (!complete && thread.stop.aborted) {
    record(thread, 'MapRunAborted');
    return { kind: 'stopped', children };
  }
  if (failure !== undefined) return mapFailed(thread, failure, children);
  const result = results.result(total ?? 0);
  if (result instanceof StateFailure) return mapFailed(thread, result, children);
  record(thread, 'MapRunSucceeded');
  record(thread, 'MapStateSucceeded');
  return { kind: 'result', result };
}

function exceeded(failure: StateFailure | undefined): boolean {
  return failure?.error === ErrorName.ExceedToleratedFailureThreshold;
}

function mapFailed(thread: Thread, failure: StateFailure, children: ChildrenPosition | undefined): Attempt {
  record(thread, 'MapRunFailed', () => ({ mapRunFailedEventDetails: failureDetails(failure) }));
  record(thread, 'MapStateFailed');
  return { kind: 'failed', failure, children };
}

interface Start {
  readonly mapRunArn: string;
  /** 0 when an ItemReader gives the items: their number is not known yet. */
  readonly length: number;
  readonly redriven: boolean;
}

function recordStart(thread: Thread, { mapRunArn, length, redriven }: Start): void {
  const { redriveCount } = thread.execution;
  if (redriven)
    record(thread, 'MapRunRedriven', () => ({ mapRunRedrivenEventDetails: { mapRunArn, redriveCount } }));
  else {
    record(thread, 'MapStateStarted', () => ({ mapStateStartedEventDetails: { length } }));
    record(thread, 'MapRunStarted', () => ({ mapRunStartedEventDetails: { mapRunArn } }));
  }
}

async function addPending(
  inputs: AsyncIterator<ChildInput>,
  results: Results,
  executionOf: (child: ChildInput) => ReturnType<typeof childExecution>,
): Promise<void> {
  if (!results.exports) return;
  for (let next = await inputs.next(); !next.done; next = await inputs.next()) {
    if (next.value.input !== undefined)
      await results.add(next.value.index, pendingResult(executionOf(next.value)));
  }
}

/** Tells the number of items when the last one has been read. */
function countItems<T>(inner: AsyncIterator<T>, onEnd: (count: number) => void): AsyncIterator<T> {
  let count = 0;
  return {
    async next() {
      const next = await inner.next();
      if (next.done) onEnd(count);
      else count += 1;
      return next;
    },
  };
}
