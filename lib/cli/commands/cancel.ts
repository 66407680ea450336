import { UsageError } from '../../errors.ts';
import { plural } from '../../report/format.ts';
import { cancelRun } from '../../run/local/local.ts';
import { taskOf } from '../../run/tasks.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { giveUpBranch } from '../branches.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { underLease } from '../lease.ts';
import { isOnAws } from '../on-aws.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { findRun, openExisting } from '../session.ts';

export const cancel: CommandHandler = async (context) => {
  const branch = context.flags.text('branch');
  const runId = context.arguments[0];
  if (branch !== undefined && runId === undefined) return cancelBranch(context, branch);
  if (branch !== undefined || runId === undefined)
    throw new UsageError('cancel needs RUN or --branch BRANCH', { next: 'partwise runs' });
  if (isOnAws(context)) return (await import('../aws/cancel.ts')).cancelOnAws(context, runId, tellCancelled);
  await using session = await openExisting(context);
  const found = await findRun(session, runId);
  const record = await cancelRun({ world: session.world, runId: found.runId });
  return tellCancelled(context, record);
};

function tellCancelled({ output }: CommandContext, run: RunRecord): ExitCode {
  const task = taskOf(run);
  if (task === undefined) {
    output.line(`cancelled ${run.runId}; nothing of it was visible, and its files wait for the next run`);
    output.line(`next   ${output.command('partwise run')}`);
  } else output.line(`cancelled ${run.runId} (${task.kind}); nothing of it was visible`);
  output.document({ run });
  return 0;
}

async function cancelBranch(context: CommandContext, branch: string): Promise<ExitCode> {
  const { output } = context;
  if (isOnAws(context))
    throw new UsageError('a branch cannot be given up on AWS yet', {
      safe: 'nothing was done; main is as it was',
      next: 'partwise runs',
    });
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
