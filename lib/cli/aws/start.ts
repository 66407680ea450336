import { randomBytes } from 'node:crypto';
import { LeaseHeldError } from '../../errors.ts';
import { isAnythingWaiting } from '../../run/intake/claimed-files.ts';
import { nextBatchOf } from '../../run/local/local.ts';
import type { Task } from '../../run/workload.ts';
import { batchOptions, whatIsWaitedFor } from '../batches.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { fromMonthOf } from '../from-month.ts';
import { arrivalsReport, publishedLines, type RunReport, reportRun } from '../outcome.ts';
import { arriveOnAws } from './arrive.ts';
import { reportOfEnd } from './ended.ts';
import { follow } from './follow.ts';
import { type AwsSession, openAwsSession } from './session.ts';
import { tellDetached, tellLeft } from './tell.ts';

type TellEnd = (context: CommandContext, session: AwsSession, report: RunReport) => Promise<ExitCode>;

/** What the execution is started with, and by what it is decided whether there is anything to start. */
interface Wanted {
  readonly mode: 'run' | 'plan';
  readonly branch: string;
  readonly fromMonth?: string;
  readonly untilMs?: number;
  readonly flush?: boolean;
  readonly task?: Task;
}

/**
 * `run` and `plan` on AWS: uploads what is named, starts an execution over what waits, and follows it. Of a pipeline that
 * works in batches every batch that is due has an execution of its own, one after the other.
 */
export async function startOnAws(
  context: CommandContext,
  mode: Wanted['mode'],
  tellEnd: TellEnd,
): Promise<ExitCode> {
  await using session = await openAwsSession(context);
  const { world, config } = session;
  const fromMonth = fromMonthOf(context, config);
  const { arrivedMs, ...batch } = batchOptions(context, config);
  const branch = context.flags.text('branch') ?? 'main';
  let wanted: Wanted = { mode, branch, ...batch, ...(fromMonth === undefined ? {} : { fromMonth }) };
  const arrivals = await arriveOnAws(context, session, branch, arrivedMs);
  const files = arrivalsReport(arrivals);
  const isRecorded = (arrivals?.recorded ?? 0) > 0;
  if (!(await isDue(session, wanted))) {
    // The trigger may have been faster.
    if (isRecorded && config.kind !== 'rollup') await checkNoneRuns(session, isRecorded);
    const options = { world, config, ...wanted };
    const waits = config.kind === 'rollup' ? { waits: await whatIsWaitedFor(context, options) } : {};
    return await reportRun(context, world, { run: undefined, plan: undefined, ...files, ...waits });
  }
  await checkNoneRuns(session, isRecorded);
  const earlier: RunReport[] = [];
  for (;;) {
    const { arn, name } = await start(session, wanted);
    if (context.flags.on('detach')) return tellDetached(context, { execution: name });
    const followed = await follow({ context, session, arn });
    if (followed.kind === 'left') return tellLeft(context, followed.run);
    const first = earlier.length === 0 ? files : {};
    const report = { ...(await reportOfEnd(session, followed)), ...first };
    // What was open is published by now.
    const { flush: _, ...later } = wanted;
    wanted = later;
    if (config.kind !== 'rollup' || report.run?.status !== 'succeeded' || !(await isFree(session, wanted)))
      return await tellEnd(context, session, { ...report, ...(earlier.length === 0 ? {} : { earlier }) });
    context.output.lines(publishedLines(context, report.run, report.plan));
    earlier.push(report);
  }
}

/** Whether an execution would find anything to do: it costs less to look first. */
async function isDue({ world, config }: AwsSession, wanted: Wanted): Promise<boolean> {
  const decision = await nextBatchOf({ world, config, ...wanted });
  if (decision !== undefined) return decision.due;
  return isAnythingWaiting(world, config.pipeline);
}

/** Whether there is another batch to run and nobody runs it: the trigger starts runs for what waits, too. */
async function isFree(session: AwsSession, wanted: Wanted): Promise<boolean> {
  return (await isDue(session, wanted)) && (await session.executions.running()).length === 0;
}

/** An execution over what is wanted. */
export async function start(
  { pipeline, world, deployment, executions }: AwsSession,
  { untilMs, ...wanted }: Wanted,
): Promise<{ readonly arn: string; readonly name: string }> {
  const { concurrency } = deployment;
  const name = newName(pipeline, world.clock.now());
  const input = {
    pipeline,
    ...wanted,
    ...(untilMs === undefined ? {} : { until: new Date(untilMs).toISOString() }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
  const arn = await executions.start({ name, input });
  if (arn === undefined) throw new LeaseHeldError(`there was an execution ${name} already`);
  return { arn, name };
}

/** One run at a time: a second execution would wait for the first one's lease and give up. @throws LeaseHeldError */
export async function checkNoneRuns(session: AwsSession, isRecorded = false): Promise<void> {
  const [running] = await session.executions.running();
  if (running === undefined) return;
  throw new LeaseHeldError(`execution ${running.name} of ${session.pipeline} is running`, {
    safe: isRecorded
      ? 'the files are in the staging bucket and recorded: it has them, or the run after it takes them by itself'
      : 'nothing was started; what waits is taken by the run after it',
    next: 'partwise resume, which follows it',
  });
}

/** At most 80 characters, and not given twice. */
function newName(pipeline: string, nowMs: number): string {
  return `${pipeline}-c${Math.floor(nowMs / 1_000).toString(36)}-${randomBytes(3).toString('hex')}`;
}
