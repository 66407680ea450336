import type { Context } from 'aws-lambda';
import { DeadlineExceededError, UnitTooLargeError } from '../../lib/errors.ts';

/** Time kept back for stopping: the engine ends its statement, what is done is kept, logs and metrics are flushed. */
const marginMs = 30_000;

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Until the signal fires. */
  readonly remainingMs: () => number;
}

/**
 * A signal that fires before the platform kills the function, with the error that says why: a unit, or a piece of it, is
 * too large for its function, anything else ran out of time.
 */
export function deadlineOf(
  context: Pick<Context, 'getRemainingTimeInMillis'>,
  unit: string | undefined,
): Deadline {
  const control = new AbortController();
  const wholeMs = context.getRemainingTimeInMillis();
  const keptBackMs = Math.min(marginMs, wholeMs / 4);
  const remainingMs = () => context.getRemainingTimeInMillis() - keptBackMs;
  const timer = setTimeout(() => control.abort(reason(unit)), Math.max(1, wholeMs - keptBackMs));
  return { signal: control.signal, remainingMs, [Symbol.dispose]: () => clearTimeout(timer) };
}

function reason(unit: string | undefined): Error {
  return unit === undefined
    ? new DeadlineExceededError('the time of the function is up', {
        safe: 'what is done stands; nothing was published by half',
        next: 'partwise resume',
      })
    : new UnitTooLargeError(
        `a piece of unit ${unit} does not fit the time of a whole function; raise aws.memory, and CPU with it, and deploy`,
        {
          safe: 'nothing of the unit is referenced; its siblings keep their checkpoints',
          next: 'partwise resume',
        },
      );
}
