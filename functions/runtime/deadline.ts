import type { Context } from 'aws-lambda';
import { DeadlineExceededError, UnitTooLargeError } from '../../lib/errors.ts';

/** Time kept back for stopping: the engine ends its statement, the failure is noted, logs and metrics are flushed. */
const marginMs = 30_000;

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that fires before the platform kills the function, with the error that says why: a unit is too large for its
 * function, anything else ran out of time.
 */
export function deadlineOf(
  context: Pick<Context, 'getRemainingTimeInMillis'>,
  unit: string | undefined,
): Deadline {
  const control = new AbortController();
  const remainingMs = context.getRemainingTimeInMillis();
  const usableMs = Math.max(1, remainingMs - Math.min(marginMs, remainingMs / 4));
  const timer = setTimeout(() => control.abort(reason(unit)), usableMs);
  return { signal: control.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

function reason(unit: string | undefined): Error {
  return unit === undefined
    ? new DeadlineExceededError('the time of the function is up', {
        safe: 'what is done stands; nothing was published by half',
        next: 'partwise resume',
      })
    : new UnitTooLargeError(`unit ${unit} does not fit the time of its function`, {
        safe: 'nothing of the unit is referenced; its siblings keep their checkpoints',
        next: 'raise aws.memory (and with it CPU) or lower work.unitBytes, then resume with --replan',
      });
}
