import { begunTask } from '../../run/begun-task.ts';
import type { Task } from '../../run/workload.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reportRun } from '../outcome.ts';
import { reportOfEnd } from './ended.ts';
import { follow } from './follow.ts';
import { resumeOnAws } from './resume.ts';
import { openAwsSession } from './session.ts';
import { checkNoneRuns, start } from './start.ts';
import { tellDetached, tellLeft } from './tell.ts';

/** Starts an execution that does a task, and follows it; goes on with a run of the same task that has not ended. */
export async function doTaskOnAws(context: CommandContext, task: Task): Promise<ExitCode> {
  await using session = await openAwsSession(context);
  const begun = await begunTask(session.world, session.pipeline, task);
  if (begun !== undefined) return await resumeOnAws(context, begun.runId);
  await checkNoneRuns(session);
  const { arn, name } = await start(session, { mode: 'run', branch: 'main', task });
  if (context.flags.on('detach')) return tellDetached(context, { execution: name });
  const followed = await follow({ context, session, arn });
  if (followed.kind === 'left') return tellLeft(context, followed.run);
  return await reportRun(context, session.world, await reportOfEnd(session, followed));
}
