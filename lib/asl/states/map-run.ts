import { forEachConcurrently } from '../concurrency.ts';
import type { MapState } from '../definition.ts';
import { ErrorName, StateFailure, toFailure } from '../errors.ts';
import { uuid } from '../functions.ts';
import { createHistory, failureDetails } from '../history.ts';
import { jsonBytes, PAYLOAD_LIMIT_BYTES, payloadTooLarge } from '../payload.ts';
import { createPositions } from '../redrive.ts';
import { type ChildResult, createResultExport, type ResultExport, transformed } from '../result-writer.ts';
import {
  ARN_PREFIX,
  type Execution,
  evaluate,
  executionArn,
  type RunSequence,
  record,
  type SequenceEnd,
  stateMachineArn,
  type Thread,
  type Visit,
} from '../thread.ts';
import type { ChildrenPosition, Json, Position } from '../types.ts';
import { type ChildInput, childInputs } from './map-items.ts';
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
 * with States.ExceedToleratedFailureThreshold.
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
  recordStart(thread, mapRunArn, resume !== undefined);

  const positions = createPositions(resume);
  const halt = new AbortController();
  const stop = AbortSignal.any([thread.stop, halt.signal]);
  let failure: StateFailure | undefined;
  let failed = 0;
  let total: number | undefined;
  const fail = (found: StateFailure): void => {
    failure ??= found;
    halt.abort();
  };
  const judge = (): void => {
    if (tolerance.exceeded(failed, total)) {
      fail(
        new StateFailure(
          ErrorName.ExceedToleratedFailureThreshold,
          'The specified tolerated failure threshold was exceeded',
        ),
      );
    }
  };

  const runOne = async (child: ChildInput): Promise<void> => {
    if (positions.hasSucceeded(child.index)) return;
    const from = positions.startOf(child.index);
    const execution = childExecution(state, visit, child, id, from !== undefined);
    const end = await runChild(execution, state, from, { thread, stop, runSequence });
    if (end.kind === 'done') positions.succeed(child.index, undefined);
    else positions.stop(child.index, end.position);
    try {
      if (end.kind !== 'stopped') await results.add(child.index, childResult(execution, end));
    } catch (thrown) {
      fail(toFailure(thrown));
    }
    if (end.kind === 'failed') failed += 1;
    judge();
  };

  const inputs = childInputs(state, visit, positions.hasSucceeded);
  let seen = 0;
  const counted = countingIterator(
    inputs,
    () => {
      seen += 1;
    },
    () => {
      total = seen;
    },
  );
  try {
    await forEachConcurrently(
      counted,
      Math.min(asked || DISTRIBUTED_CONCURRENCY, DISTRIBUTED_CONCURRENCY),
      () => !stop.aborted,
      runOne,
    );
    judge();
    if (failure?.error === ErrorName.ExceedToleratedFailureThreshold)
      await addPending(inputs, results, state, visit, id);
    if (failure === undefined || failure.error === ErrorName.ExceedToleratedFailureThreshold)
      await results.close();
  } catch (thrown) {
    fail(toFailure(thrown));
  }
  const children = (): ChildrenPosition | undefined =>
    results.redrivable()
      ? { ...positions.take({ mapRun: { id, resultFiles: results.files() } }), outputs: results.outputs() }
      : undefined;
  if (failure !== undefined) {
    const known = failure;
    record(thread, 'MapRunFailed', () => ({ mapRunFailedEventDetails: failureDetails(known) }));
    return { kind: 'failed', failure: known, children: children() };
  }
  if (total === undefined || !positions.hasAll(total - failed)) {
    record(thread, 'MapRunAborted');
    return { kind: 'stopped', children: children() };
  }
  const result = results.result(total);
  record(thread, 'MapRunSucceeded');
  return { kind: 'result', result };
}

function recordStart(thread: Thread, mapRunArn: string, redriven: boolean): void {
  const { redriveCount } = thread.execution;
  if (redriven)
    record(thread, 'MapRunRedriven', () => ({ mapRunRedrivenEventDetails: { mapRunArn, redriveCount } }));
  else record(thread, 'MapRunStarted', () => ({ mapRunStartedEventDetails: { mapRunArn } }));
}

function childExecution(
  state: MapState,
  visit: Visit,
  child: ChildInput,
  mapRunId: string,
  redriven: boolean,
): Execution {
  const { services, name, redriveCount } = visit.thread.execution;
  const childName = `${name}/${state.name}/${child.index}`;
  const mapRun = `${state.label}:${mapRunId}`;
  return {
    services,
    name: childName,
    mapRun,
    input: child.input ?? null,
    startedMs: services.now(),
    redriveCount: redriven ? redriveCount : 0,
    redrivenMs: redriven ? services.now() : undefined,
    history: createHistory({ now: services.now, sink: services.sink, executionName: childName, mapRun }),
  };
}

interface ChildRunner {
  readonly thread: Thread;
  readonly stop: AbortSignal;
  readonly runSequence: RunSequence;
}

/** A child cannot see the variables of its parent. */
async function runChild(
  execution: Execution,
  state: MapState,
  from: Position | undefined,
  { stop, runSequence }: ChildRunner,
): Promise<SequenceEnd> {
  const child: Thread = { execution, outer: undefined, stop, mapItem: undefined, lastEventId: 0 };
  record(child, 'ExecutionStarted', () => ({
    executionStartedEventDetails: { input: JSON.stringify(execution.input) },
  }));
  const end = await runSequence(
    state.processor,
    from ?? { state: state.processor.startAt, input: execution.input, variables: {} },
    child,
  );
  if (end.kind === 'done')
    record(child, 'ExecutionSucceeded', () => ({
      executionSucceededEventDetails: { output: JSON.stringify(end.output) },
    }));
  else if (end.kind === 'failed')
    record(child, 'ExecutionFailed', () => ({ executionFailedEventDetails: failureDetails(end.failure) }));
  else record(child, 'ExecutionAborted');
  return end;
}

function childResult(execution: Execution, end: Exclude<SequenceEnd, { kind: 'stopped' }>): ChildResult {
  const stopMs = execution.services.now();
  const output = end.kind === 'done' ? end.output : undefined;
  return {
    status: end.kind === 'done' ? 'SUCCEEDED' : 'FAILED',
    output,
    execution: () => ({
      ExecutionArn: executionArn(execution),
      Input: JSON.stringify(execution.input),
      InputDetails: { Included: true },
      Name: execution.name,
      ...(output === undefined ? {} : { Output: JSON.stringify(output), OutputDetails: { Included: true } }),
      ...(end.kind === 'failed'
        ? { Error: end.failure.error ?? '', Cause: end.failure.causeText ?? '' }
        : {}),
      RedriveCount: execution.redriveCount,
      StartDate: new Date(execution.startedMs).toISOString(),
      StateMachineArn: `${stateMachineArn(execution.services)}/${execution.mapRun?.split(':')[0] ?? ''}`,
      Status: end.kind === 'done' ? 'SUCCEEDED' : 'FAILED',
      StopDate: new Date(stopMs).toISOString(),
    }),
  };
}

/** Children that never started, for the PENDING result files. */
async function addPending(
  inputs: AsyncIterator<ChildInput>,
  results: Results,
  state: MapState,
  visit: Visit,
  id: string,
): Promise<void> {
  if (!results.exports) return;
  for (let next = await inputs.next(); !next.done; next = await inputs.next()) {
    if (next.value.input === undefined) continue;
    const execution = childExecution(state, visit, next.value, id, false);
    await results.add(next.value.index, {
      status: 'PENDING',
      output: undefined,
      execution: () => ({
        Input: JSON.stringify(execution.input),
        InputDetails: { Included: true },
        Name: execution.name,
        Status: 'PENDING',
      }),
    });
  }
}

interface Results {
  readonly exports: boolean;
  add(index: number, result: ChildResult): Promise<void>;
  close(): Promise<void>;
  result(total: number): Json;
  outputs(): { readonly [index: string]: Json };
  files(): readonly NonNullable<ChildrenPosition['mapRun']>['resultFiles'][number][];
  /** False when outputs were dropped: then a redrive starts the Map anew. */
  redrivable(): boolean;
}

async function openResults(
  state: MapState,
  visit: Visit,
  mapRunArn: string,
  resume: ChildrenPosition | undefined,
): Promise<Results> {
  const writer = state.resultWriter;
  if (writer?.arguments === undefined) return resultsInMemory(state, resume);
  const { objects } = visit.thread.execution.services;
  if (objects === undefined)
    throw new StateFailure(ErrorName.ResultWriterFailed, 'no object access is given to this execution');
  const location = await evaluate(writer.arguments, visit);
  return exported(
    createResultExport({ writer, location, objects, mapRunArn, earlier: resume?.mapRun?.resultFiles ?? [] }),
  );
}

function exported(target: ResultExport): Results {
  let result: Json = null;
  return {
    exports: true,
    add: (_, child) => target.add(child),
    async close() {
      result = await target.finish();
    },
    result: () => result,
    outputs: () => ({}),
    files: target.files,
    redrivable: () => true,
  };
}

/** Once the result is over the payload limit it can only fail, so nothing more is kept then. */
function resultsInMemory(state: MapState, resume: ChildrenPosition | undefined): Results {
  const elements = new Map<number, readonly Json[]>(
    Object.entries(resume?.outputs ?? {}).map(([index, value]) => [Number(index), value as readonly Json[]]),
  );
  const transformation = state.resultWriter?.transformation ?? 'COMPACT';
  let bytes = 2;
  for (const kept of elements.values()) bytes += jsonBytes(kept);
  return {
    exports: false,
    async add(index, child) {
      const made = transformed({ transformation }, child);
      bytes += jsonBytes(made);
      if (bytes > PAYLOAD_LIMIT_BYTES) elements.clear();
      else elements.set(index, made);
    },
    async close() {},
    result(total) {
      if (bytes > PAYLOAD_LIMIT_BYTES)
        throw payloadTooLarge(`The result of the state '${state.name}'`, bytes);
      return Array.from({ length: total }, (_, index) => elements.get(index) ?? []).flat();
    },
    outputs: () => Object.fromEntries([...elements].map(([index, made]) => [index, made as Json])),
    files: () => [],
    redrivable: () => bytes <= PAYLOAD_LIMIT_BYTES,
  };
}

function countingIterator<T>(
  inner: AsyncIterator<T>,
  onItem: () => void,
  onEnd: () => void,
): AsyncIterator<T> {
  return {
    async next() {
      const next = await inner.next();
      if (next.done) onEnd();
      else onItem();
      return next;
    },
  };
}
