import { orAborted } from '../concurrency.ts';
import type { TaskState } from '../definition.ts';
import { ErrorName, StateFailure, Stopped, toFailure } from '../errors.ts';
import { failureDetails } from '../history.ts';
import { checkPayload, toJson } from '../payload.ts';
import { evaluate, executionArn, record, type Visit } from '../thread.ts';
import type { Json, TaskCall } from '../types.ts';
import { evaluateNumber } from './numbers.ts';
import { type TaskLimits, TaskTimeout, watchLimits } from './task-limits.ts';

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
      await callHandler(state, visit, taskArguments, { timeoutSeconds, heartbeatSeconds }),
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

async function callHandler(
  state: TaskState,
  visit: Visit,
  taskArguments: Json,
  limits: TaskLimits,
): Promise<unknown> {
  const { execution } = visit.thread;
  const { services } = execution;
  const handler = services.tasks[state.resource];
  if (handler === undefined) {
    throw new StateFailure(ErrorName.Runtime, `nothing performs the resource ${state.resource}`);
  }
  const { signal, heartbeat, end } = watchLimits(limits, services);
  const call: TaskCall = {
    resource: state.resource,
    stateName: state.name,
    executionName: execution.name,
    executionArn: executionArn(execution),
    retryCount: visit.retryCount,
    signal,
    heartbeat,
  };
  const answer = (async () => handler(taskArguments, call))();
  services.abandoned.add(answer);
  const forget = (): boolean => services.abandoned.delete(answer);
  answer.then(forget, forget);
  try {
    return await orAborted(answer, signal);
  } catch (thrown) {
    if (services.kill.aborted) throw new Stopped();
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    end();
  }
}

/** `arn:aws:states:::lambda:invoke` is resource `invoke` of resource type `lambda`. */
function resourceDetails(arn: string): { readonly resource: string; readonly resourceType: string } {
  const integration = /^arn:[a-z-]+:states:::([^:]+):(.+)$/.exec(arn);
  return { resourceType: integration?.[1] ?? 'lambda', resource: integration?.[2] ?? arn };
}
