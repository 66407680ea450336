import { UsageError } from '../../errors.ts';
import { plural } from '../../report/format.ts';
import { cancelRun } from '../../run/local.ts';
import { giveUpBranch } from '../branches.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { underLease } from '../lease.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { findRun, openExisting } from '../session.ts';

export const cancel: CommandHandler = async (context) => {
  const branch = context.flags.text('branch');
  const runId = context.arguments[0];
  if (branch !== undefined && runId === undefined) return cancelBranch(context, branch);
  if (branch !== undefined || runId === undefined)
    throw new UsageError('cancel needs RUN or --branch BRANCH', { next: 'partwise runs' });
  await using session = await openExisting(context);
  const found = await findRun(session, runId);
  const record = await cancelRun({ world: session.world, runId: found.runId });
  context.output.line(
    `cancelled ${record.runId}; nothing of it was visible, and its files wait for the next run`,
  );
  context.output.line(`next   ${context.output.command('partwise run')}`);
  context.output.document({ run: record });
  return 0;
};

async function cancelBranch(context: CommandContext, branch: string): Promise<ExitCode> {
  const { output } = context;
  if (branch === 'main')
    throw new UsageError('main is what readers see; it cannot be given up', { next: 'partwise runs' });
  const { config } = await loadChosenPipeline(context);
  await using session = await openExisting(context);
  const { world } = session;
  const files = await underLease(world, config.pipeline, `cancel-${branch}`, () =>
    giveUpBranch({ world, config, branch }),
  );
  const waiting = plural(files, 'file waits', 'files wait');
  output.line(`gave up branch ${branch}; main is as it was, and ${waiting} for the next run`);
  if (files > 0) output.line(`next   ${output.command('partwise run')}`);
  output.document({ branch, files });
  return 0;
}
