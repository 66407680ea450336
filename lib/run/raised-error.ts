import { PartwiseError } from '../errors.ts';

/** A failure as the state machine hands it over: a handler's error name, and its message, perhaps wrapped in JSON. */
export interface MachineFailure {
  readonly name: string;
  /** `{errorType, errorMessage, safe?, next?}` of a handler's error, or text. */
  readonly cause: string;
}

/** The error that a handler threw, as far as the state machine kept it: name, message and advice. */
export function raisedError({ name, cause }: MachineFailure): PartwiseError {
  const { errorMessage, safe, next } = parsed(cause);
  const error = new PartwiseError(errorMessage ?? cause, {
    ...(safe === undefined ? {} : { safe }),
    ...(next === undefined ? {} : { next }),
  });
  error.name = name;
  return error;
}

function parsed(cause: string): {
  readonly errorMessage?: string;
  readonly safe?: string;
  readonly next?: string;
} {
  try {
    return JSON.parse(cause) ?? {};
  } catch {
    return {};
  }
}
