import { UsageError } from '../../errors.ts';
import { cancelRun } from '../../run/local.ts';
import type { CommandHandler } from '../command.ts';
import { findRun, openExisting } from '../session.ts';

export const cancel: CommandHandler = async (context) => {
  await using session = await openExisting(context);
  const runId = context.arguments[0];
  if (runId === undefined) throw new UsageError('cancel needs RUN', { next: 'partwise runs' });
  const found = await findRun(session, runId);
  const record = await cancelRun({ world: session.world, runId: found.runId });
  context.output.line(
    `cancelled ${record.runId}; nothing of it was visible, and its files wait for the next run`,
  );
  context.output.line(`next   ${context.output.command('partwise run')}`);
  context.output.document({ run: record });
  return 0;
};
