import { resumeRun } from '../../run/local/local.ts';
import type { CommandHandler } from '../command.ts';
import { isOnAws } from '../on-aws.ts';
import { reportRun } from '../outcome.ts';
import { configOfRun, findRun, isUnfinished, openExisting } from '../session.ts';
import { runReport } from './run.ts';

export const resume: CommandHandler = async (context) => {
  if (isOnAws(context)) return (await import('../aws/resume.ts')).resumeOnAws(context, context.arguments[0]);
  await using session = await openExisting(context);
  const found = await findRun(session, context.arguments[0], isUnfinished, 'no run is unfinished');
  const config = await configOfRun(context, session, found);
  const outcome = await resumeRun({
    world: session.world,
    config,
    runId: found.runId,
    replan: context.flags.on('replan'),
    signal: context.environment.signal,
  });
  session.progress.finish();
  if (!isUnfinished(found)) context.output.note(`${found.runId} has ended already`);
  return await reportRun(context, session.world, runReport(outcome));
};
