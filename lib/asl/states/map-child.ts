import type { MapState } from '../definition.ts';
import { createHistory, failureDetails } from '../history.ts';
import type { ChildResult } from '../result-writer.ts';
import {
  type Execution,
  executionArn,
  type RunSequence,
  record,
  type SequenceEnd,
  stateMachineArn,
  type Thread,
  type Visit,
} from '../thread.ts';
import type { Position } from '../types.ts';
import type { ChildInput } from './map-items.ts';

/** The execution of one item's child. */
export function childExecution(
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
    history: createHistory({ now: services.now, sink: services.childSink, executionName: childName, mapRun }),
  };
}

export interface ChildRunner {
  readonly stop: AbortSignal;
  readonly runSequence: RunSequence;
}

/** A child cannot see the variables of its parent. */
export async function runChild(
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

/** What goes into the results. */
export function childResult(
  execution: Execution,
  end: Exclude<SequenceEnd, { kind: 'stopped' }>,
): ChildResult {
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

/** A child that never started, for the PENDING result files. */
export function pendingResult(execution: Execution): ChildResult {
  return {
    status: 'PENDING',
    output: undefined,
    execution: () => ({
      Input: JSON.stringify(execution.input),
      InputDetails: { Included: true },
      Name: execution.name,
      Status: 'PENDING',
    }),
  };
}
