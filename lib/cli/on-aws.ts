import { UsageError } from '../errors.ts';
import type { CommandContext, CommandSpec } from './command.ts';

/** Whether the command is about a pipeline on AWS: only when asked for, by a flag or by PARTWISE_AWS=1. */
export function isOnAws({ flags, environment }: Pick<CommandContext, 'flags' | 'environment'>): boolean {
  return (
    flags.on('aws') ||
    flags.text('profile') !== undefined ||
    flags.text('region') !== undefined ||
    environment.variables['PARTWISE_AWS'] === '1'
  );
}

/** @throws UsageError when what is asked for does not go together with where */
export function checkPlace(spec: CommandSpec, context: Pick<CommandContext, 'flags' | 'environment'>): void {
  if (spec.aws === 'regardless') return;
  if (!isOnAws(context)) {
    if (context.flags.on('detach'))
      throw new UsageError('--detach is for pipelines on AWS: here a run is this process', {
        next: `partwise ${spec.name} --help`,
      });
    return;
  }
  if (spec.aws === undefined)
    throw new UsageError(`${spec.name} does not work on AWS yet`, {
      safe: 'nothing was done',
      next: 'partwise --help',
    });
  if (context.flags.text('root') !== undefined)
    throw new UsageError('--root is a folder of this machine; it does not go together with AWS', {
      next: `partwise ${spec.name} --help`,
    });
}
