import { resolve } from 'node:path';
import type { CommandContext } from './command.ts';

/** Files named on the command line, by feed, as absolute paths. */
export function inputPaths(context: CommandContext): {
  readonly paths: readonly string[];
  readonly deletions: readonly string[];
} {
  const absolute = (path: string) => resolve(context.environment.cwd, path);
  return {
    paths: context.arguments.map(absolute),
    deletions: context.flags.texts('deletions').map(absolute),
  };
}
