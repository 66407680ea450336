import { ErrorName, StateFailure } from './errors.ts';
import { isRecord, toJson } from './payload.ts';
import type { Json, TaskCall, TaskHandler } from './types.ts';

/** `Resource` of the optimized Lambda integration. */
export const LAMBDA_INVOKE = 'arn:aws:states:::lambda:invoke';

export type LambdaFunction = (payload: Json, call: TaskCall) => Promise<unknown>;

/**
 * The handler of `arn:aws:states:::lambda:invoke`: calls `functions[FunctionName](Payload)` and answers as the
 * service does. A thrown error's `name` is the error name; the cause is Lambda's JSON, `{errorType, errorMessage}`.
 * An unknown function raises Lambda.ResourceNotFoundException.
 */
export function lambdaInvoke(functions: Readonly<Record<string, LambdaFunction>>): TaskHandler {
  return async (taskArguments, call) => {
    const { FunctionName: name, Payload: payload = {} } = isRecord(taskArguments) ? taskArguments : {};
    if (typeof name !== 'string')
      throw new StateFailure(ErrorName.Runtime, 'Arguments.FunctionName must be a string');
    const invoked = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (invoked === undefined)
      throw new StateFailure('Lambda.ResourceNotFoundException', `Function not found: ${name}`);
    try {
      const result = toJson(await invoked(payload as Json, call));
      return { ExecutedVersion: '$LATEST', Payload: result, StatusCode: 200 };
    } catch (thrown) {
      throw lambdaFailure(thrown);
    }
  };
}

function lambdaFailure(thrown: unknown): StateFailure {
  if (thrown instanceof StateFailure) return thrown;
  const [errorType, errorMessage] =
    thrown instanceof Error ? [thrown.name, thrown.message] : ['Error', String(thrown)];
  return new StateFailure(errorType, JSON.stringify({ errorType, errorMessage }), thrown);
}
