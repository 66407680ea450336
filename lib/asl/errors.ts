import { PartwiseError } from '../errors.ts';

/** The definition breaks the States Language; `details.path` says where. */
export class InvalidDefinitionError extends PartwiseError {}
/** The definition uses something that this interpreter does not implement; `details.path` says where. */
export class UnsupportedDefinitionError extends PartwiseError {}

/** Error names of the States Language (https://states-language.net/#appendix-a and the developer guide's list). */
export const ErrorName = {
  All: 'States.ALL',
  BranchFailed: 'States.BranchFailed',
  DataLimitExceeded: 'States.DataLimitExceeded',
  ExceedToleratedFailureThreshold: 'States.ExceedToleratedFailureThreshold',
  HeartbeatTimeout: 'States.HeartbeatTimeout',
  ItemReaderFailed: 'States.ItemReaderFailed',
  NoChoiceMatched: 'States.NoChoiceMatched',
  QueryEvaluationError: 'States.QueryEvaluationError',
  ResultWriterFailed: 'States.ResultWriterFailed',
  Runtime: 'States.Runtime',
  TaskFailed: 'States.TaskFailed',
  Timeout: 'States.Timeout',
} as const;

/** A state failed: what `Retry` and `Catch` look at. `error` is absent only for a Fail state without `Error`. */
export class StateFailure extends Error {
  readonly error: string | undefined;
  readonly causeText: string | undefined;

  constructor(error: string | undefined, causeText: string | undefined, origin?: unknown) {
    super(
      `${error ?? 'no error name'}: ${causeText ?? ''}`,
      origin === undefined ? undefined : { cause: origin },
    );
    this.name = 'StateFailure';
    this.error = error;
    this.causeText = causeText;
  }
}

/** The execution is being ended from outside, or a sibling failed: no state may start any more. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
    this.name = 'Stopped';
  }
}

/** The `$states.errorOutput` of a failure. */
export function errorOutput(failure: StateFailure): { readonly Error: string; readonly Cause: string } {
  return { Error: failure.error ?? '', Cause: failure.causeText ?? '' };
}

/** Neither retried nor caught, whatever `ErrorEquals` says: the execution fails. */
const TERMINAL: readonly string[] = [ErrorName.DataLimitExceeded, ErrorName.Runtime];

/**
 * Whether a retrier or catcher with this `ErrorEquals` takes the error. `States.ALL` matches everything but the
 * terminal errors; `States.TaskFailed` everything but those and time-outs; `States.Timeout` also a missed heartbeat.
 */
export function matchesError(errorEquals: readonly string[], error: string | undefined): boolean {
  if (error !== undefined && TERMINAL.includes(error)) return false;
  const timedOut = error === ErrorName.Timeout || error === ErrorName.HeartbeatTimeout;
  return errorEquals.some((candidate) => {
    if (candidate === ErrorName.All) return true;
    if (candidate === ErrorName.TaskFailed) return !timedOut;
    if (candidate === ErrorName.Timeout) return timedOut;
    return candidate === error;
  });
}

/** What the interpreter itself throws: a failure of the definition, or else States.Runtime, which nothing catches. */
export function toOwnFailure(thrown: unknown): StateFailure {
  if (thrown instanceof StateFailure) return thrown;
  const reason = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new StateFailure(ErrorName.Runtime, reason, thrown);
}

/** What a task's handler throws, any value, as a failure: an error's `name` is the error name, its message the cause. */
export function toFailure(thrown: unknown): StateFailure {
  if (thrown instanceof StateFailure) return thrown;
  if (thrown instanceof Error) return new StateFailure(thrown.name, thrown.message, thrown);
  return new StateFailure('Error', String(thrown), thrown);
}
