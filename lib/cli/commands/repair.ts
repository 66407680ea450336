import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';
import { didYouMean } from '../suggest.ts';

/** Each kind of repair is a command of its own. */
const kinds: Readonly<Record<string, () => Promise<CommandHandler>>> = {
  points: async () => (await import('./repair-points.ts')).repairPoints,
  latest: async () => (await import('./repair-latest.ts')).repairLatest,
};

export const repair: CommandHandler = async (context) => {
  const [word = ''] = context.arguments;
  const load = Object.hasOwn(kinds, word) ? kinds[word] : undefined;
  if (load === undefined)
    throw new UsageError(`repair does not know '${word}'${didYouMean(word, Object.keys(kinds))}`, {
      next: 'partwise repair --help',
    });
  return (await load())(context);
};
