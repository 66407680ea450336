import { UnitTooLargeError } from '../../errors.ts';
import type { RunContext, UnitItem } from '../../run/workload.ts';

interface RoomOptions<T> {
  readonly context: Pick<RunContext, 'signal' | 'runId'>;
  readonly item: Pick<UnitItem, 'stage' | 'unit'>;
  readonly attempt: () => Promise<T>;
  /** The same with less at once, in a session of its own; undefined when there is no less. */
  readonly withLess: (() => Promise<T>) | undefined;
}

/**
 * Does a piece of a unit, and if the engine runs out of memory once more with less at once.
 * @throws UnitTooLargeError when that is too much, too; says what to change
 */
export async function inUnitRoom<T>(options: RoomOptions<T>): Promise<T> {
  const { attempt, withLess } = options;
  try {
    return await attempt();
  } catch (error) {
    if (!isOutOfMemory(options, error)) throw error;
    if (withLess === undefined) throw tooLarge(options, error);
  }
  try {
    return await withLess();
  } catch (error) {
    throw isOutOfMemory(options, error) ? tooLarge(options, error) : error;
  }
}

/** A deadline has the same name; nothing is tried again after it. */
function isOutOfMemory<T>(
  { context }: Pick<RoomOptions<T>, 'context'>,
  error: unknown,
): error is UnitTooLargeError {
  return error instanceof UnitTooLargeError && !context.signal.aborted;
}

function tooLarge<T>(
  { context, item }: Pick<RoomOptions<T>, 'context' | 'item'>,
  cause: UnitTooLargeError,
): UnitTooLargeError {
  return new UnitTooLargeError(
    `unit ${item.stage}/${item.unit}, with one thread: ${cause.message}. Raise work.memory (on AWS aws.memory, too) or lower work.unitBytes; a run keeps the settings it began with, so cancel it, and the next one takes its files`,
    {
      cause,
      details: cause.details,
      safe: 'nothing of the unit is referenced; its siblings keep their checkpoints',
      next: `partwise cancel ${context.runId}`,
    },
  );
}
