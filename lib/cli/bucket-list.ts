import { UsageError } from '../errors.ts';

/** The buckets named by `--bucket`, ascending, each once. @throws UsageError that names the command whose help says more */
export function bucketList(named: readonly string[], command: string): readonly number[] {
  const wrong = named.find((text) => !/^\d{1,6}$/.test(text));
  if (wrong !== undefined)
    throw new UsageError(`--bucket needs a number, not '${wrong}'`, {
      safe: 'nothing was changed',
      next: `${command} --help`,
    });
  return [...new Set(named.map(Number))].sort((a, b) => a - b);
}
