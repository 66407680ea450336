import { orAborted } from '../concurrency.ts';
import type { TaskState } from '../definition.ts';
import { ErrorName, StateFailure, Stopped, toFailure } from '../errors.ts';
import { failureDetails } from '../history.ts';
import { checkPayload, toJson } from '../payload.ts';
import { evaluate, executionArn, record, type Visit } from '../thread.ts';
import type { Json, TaskCall } from '../types.ts';
import { evaluateNumber } from './numbers.ts';

/**
 * Calls the handler of the state's resource once. When the time is up or the execution is killed, the state goes on
 * without waiting for a handler that does not heed its signal.
 * @throws StateFailure the handler's error, States.Timeout, States.HeartbeatTimeout, States.DataLimitExceeded
 * @throws Stopped when the execution is killed
 */
export async function runTask(state: TaskState, visit: Visit): Promise<Json> {
  const { thread, input } = visit;
  const taskArguments = state.arguments === undefined ? input : await evaluate(state.arguments, visit);
  checkPayload(taskArguments, `The input of the resource of the state '${state.name}'`);
  const timeoutSeconds = await evaluateNumber(state.timeoutSeconds, visit, 'TimeoutSeconds', {
    min: 1,
    max: 99_999_999,
  });
  const heartbeatSeconds = await evaluateNumber(state.heartbeatSeconds, visit, 'HeartbeatSeconds', {
    min: 1,
    max: 99_999_999,
  });
  const resource = resourceDetails(state.resource);
  record(thread, 'TaskScheduled', () => ({
    taskScheduledEventDetails: {
      ...resource,
      region: 'local',
      parameters: JSON.stringify(taskArguments),
      ...(timeoutSeconds === undefined ? {} : { timeoutInSeconds: timeoutSeconds }),
      ...(heartbeatSeconds === undefined ? {} : { heartbeatInSeconds: heartbeatSeconds }),
    },
  }));
  record(thread, 'TaskStarted', () => ({ taskStartedEventDetails: resource }));
  try {
    const result = toJson(
      await callHandler(state, visit, { taskArguments, timeoutSeconds, heartbeatSeconds }),
    );
    checkPayload(result, `The result of the state '${state.name}'`);
    record(thread, 'TaskSucceeded', () => ({
      taskSucceededEventDetails: { ...resource, output: JSON.stringify(result) },
    }));
    return result;
  } catch (thrown) {
    if (thrown instanceof Stopped) throw thrown;
    const failure = toFailure(thrown);
    const details = { ...resource, ...failureDetails(failure) };
    if (failure instanceof TaskTimeout)
      record(thread, 'TaskTimedOut', () => ({ taskTimedOutEventDetails: details }));
    else record(thread, 'TaskFailed', () => ({ taskFailedEventDetails: details }));
    throw failure;
  }
}

class TaskTimeout extends StateFailure {}

interface Call {
  readonly taskArguments: Json;
  readonly timeoutSeconds: number | undefined;
  readonly heartbeatSeconds: number | undefined;
}

async function callHandler(state: TaskState, visit: Visit, call: Call): Promise<unknown> {
  const { services } = visit.thread.execution;
  const handler = services.tasks[state.resource];
  if (handler === undefined)
    throw new StateFailure(ErrorName.Runtime, `nothing performs the resource ${state.resource}`);
  const expired = new AbortController();
  const returned = new AbortController();
  const limited = call.timeoutSeconds !== undefined || call.heartbeatSeconds !== undefined;
  const signal = limited ? AbortSignal.any([services.kill, expired.signal]) : services.kill;
  let beatMs = services.now();
  const taskCall: TaskCall = {
    resource: state.resource,
    stateName: state.name,
    executionName: visit.thread.execution.name,
    executionArn: executionArn(visit.thread.execution),
    retryCount: visit.retryCount,
    signal,
    heartbeat: () => {
      beatMs = services.now();
    },
  };
  const answer = (async () => handler(call.taskArguments, taskCall))();
  services.abandoned.add(answer);
  const forget = (): boolean => services.abandoned.delete(answer);
  answer.then(forget, forget);
  const timer = async (seconds: number, since: () => number, failure: TaskTimeout): Promise<void> => {
    for (let left = seconds * 1_000; left > 0; left = since() + seconds * 1_000 - services.now()) {
      await services.sleep(left, returned.signal);
    }
    expired.abort(failure);
  };
  const startMs = beatMs;
  if (call.timeoutSeconds !== undefined) {
    const failure = new TaskTimeout(
      ErrorName.Timeout,
      `no answer within TimeoutSeconds (${call.timeoutSeconds})`,
    );
    timer(call.timeoutSeconds, () => startMs, failure).catch(() => {});
  }
  if (call.heartbeatSeconds !== undefined) {
    const failure = new TaskTimeout(
      ErrorName.HeartbeatTimeout,
      `no heartbeat within HeartbeatSeconds (${call.heartbeatSeconds})`,
    );
    timer(call.heartbeatSeconds, () => beatMs, failure).catch(() => {});
  }
  try {
    return await orAborted(answer, signal);
  } catch (thrown) {
    if (services.kill.aborted) throw new Stopped();
    throw expired.signal.aborted ? expired.signal.reason : thrown;
  } finally {
    returned.abort(new Stopped());
  }
}

/** `arn:aws:states:::lambda:invoke` is resource `invoke` of resource type `lambda`. */
function resourceDetails(arn: string): { readonly resource: string; readonly resourceType: string } {
  const integration = /^arn:[a-z-]+:states:::([^:]+):(.+)$/.exec(arn);
  return { resourceType: integration?.[1] ?? 'lambda', resource: integration?.[2] ?? arn };
}
