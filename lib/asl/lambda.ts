import { PartwiseError } from '../errors.ts';
import { ErrorName, StateFailure } from './errors.ts';
import { isRecord, toJson } from './payload.ts';
import type { Json, TaskCall, TaskHandler } from './types.ts';

/** `Resource` of the optimized Lambda integration. */
export const LAMBDA_INVOKE = 'arn:aws:states:::lambda:invoke';

export type LambdaFunction = (payload: Json, call: TaskCall) => Promise<unknown>;

/**
 * The handler of `arn:aws:states:::lambda:invoke`: calls `functions[FunctionName](Payload)` and answers as the
 * service does. A thrown error's `name` is the error name; the cause is Lambda's JSON, `{errorType, errorMessage}`, with
 * what a PartwiseError advises (`safe`, `next`).
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
      const result = await invoked(payload as Json, call);
      return { ExecutedVersion: '$LATEST', Payload: marshalled(result), StatusCode: 200 };
    } catch (thrown) {
      throw lambdaFailure(thrown);
    }
  };
}

/** @throws StateFailure Runtime.MarshalError, as Lambda names it, for what JSON cannot say (a bigint, a cycle) */
function marshalled(result: unknown): Json {
  try {
    return toJson(result);
  } catch (error) {
    throw new StateFailure(
      'Runtime.MarshalError',
      `Unable to stringify response body: ${String(error)}`,
      error,
    );
  }
}

function lambdaFailure(thrown: unknown): StateFailure {
  if (thrown instanceof StateFailure) return thrown;
  if (!(thrown instanceof Error))
    return new StateFailure(
      'Error',
      JSON.stringify({ errorType: 'Error', errorMessage: String(thrown) }),
      thrown,
    );
  const advice = thrown instanceof PartwiseError ? { safe: thrown.safe, next: thrown.next } : {};
  const cause = JSON.stringify({ errorType: thrown.name, errorMessage: thrown.message, ...advice });
  return new StateFailure(thrown.name, cause, thrown);
}

/** The message within a cause: of Lambda's JSON, or the text itself. */
export function causeMessage(causeText: string | undefined): string {
  try {
    const parsed: unknown = JSON.parse(causeText ?? '');
    if (isRecord(parsed) && typeof parsed['errorMessage'] === 'string') return parsed['errorMessage'];
  } catch {
    // Not Lambda's JSON.
  }
  return causeText ?? '';
}
