import { type ErrorAdvice, RepairRefusedError } from '../../errors.ts';

/** Another way to the same rows. */
const replay = 'partwise replay --from-batch N --also FILE, from the batch that the points belong to';

export function refused(
  why: string,
  { details, next = replay }: Pick<ErrorAdvice, 'details' | 'next'> = {},
): RepairRefusedError {
  return new RepairRefusedError(`the points cannot be repaired in place: ${why}`, {
    ...(details === undefined ? {} : { details }),
    safe: 'the table is untouched; the points are kept',
    next,
  });
}

/** @example windowName({ id: 'cpu', resolution: 60000, w: 60000 }) // 'series cpu, 60000 ms to 1970-01-01T00:01:00.000Z' */
export function windowName(row: Readonly<Record<string, unknown>>): string {
  return `series ${row['id']}, ${row['resolution']} ms to ${new Date(Number(row['w'])).toISOString()}`;
}
