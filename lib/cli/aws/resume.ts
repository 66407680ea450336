import { UsageError } from '../../errors.ts';
import { isSettled, leaseName, runCancelled } from '../../run/intake/claim.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { ExecutionState } from '../../stores/sfn-control.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reportRun } from '../outcome.ts';
import { findRun, isUnfinished } from '../session.ts';
import { reportOfEnd } from './ended.ts';
import { type FollowOptions, follow } from './follow.ts';
import { type AwsSession, openAwsSession } from './session.ts';
import { checkNoneRuns } from './start.ts';
import { tellDetached, tellLeft } from './tell.ts';

/**
 * Goes on with a run: follows its execution if that is running, redrives it if it failed and can be redriven, else starts
 * another execution of the same run. `run --plan` is the same for a run that was planned only.
 */
export async function resumeOnAws(context: CommandContext, named: string | undefined): Promise<ExitCode> {
  await using session = await openAwsSession(context);
  const [running] = named === undefined ? await session.executions.running() : [];
  const going =
    running === undefined ? await goOn(context, session, named) : await join(context, session, running);
  if ('code' in going) return going.code;
  if (context.flags.on('detach')) return tellDetached(context, going);
  const followed = await follow({ context, session, ...going });
  if (followed.kind === 'left') return tellLeft(context, followed.run);
  return await reportRun(context, session.world, await reportOfEnd(session, followed));
}

type Going = Omit<FollowOptions, 'context' | 'session'> & { readonly execution: string };

/** Follows an execution that runs already. */
async function join(
  context: CommandContext,
  { executions }: AwsSession,
  { arn, name }: Pick<ExecutionState, 'arn' | 'name'>,
): Promise<Going> {
  context.output.note(`execution ${name} is running: following it`);
  const { redriveCount = 0 } = (await executions.describe(arn)) ?? {};
  return { arn, execution: name, redrives: redriveCount };
}

async function goOn(
  context: CommandContext,
  session: AwsSession,
  named: string | undefined,
): Promise<Going | { readonly code: ExitCode }> {
  const { executions } = session;
  const { note } = context.output;
  const run = await findRun(session, named, isUnfinished);
  const { runId } = run;
  if (run.status === 'cancelled') throw runCancelled(runId);
  if (isSettled(run)) {
    note(`${runId} has ended already`);
    return { code: await reportRun(context, session.world, { run, plan: undefined }) };
  }
  const last = await executionOf(session, run);
  if (last?.status === 'RUNNING' || last?.status === 'PENDING_REDRIVE')
    return { runId, ...(await join(context, session, last)) };
  await checkNoneRuns(session);
  // A redrive keeps the input of the execution, so planning anew needs another one.
  const isPossible = last?.isRedrivable === true && !context.flags.on('replan');
  if (isPossible && (await takesLease(session, run, last)) && (await executions.redrive(last.arn))) {
    note(`redriving execution ${last.name} of ${runId}`);
    const attempt = last.status === 'FAILED' ? run.attempt + 1 : run.attempt;
    return { runId, arn: last.arn, execution: last.name, redrives: last.redriveCount + 1, attempt };
  }
  const { arn, name } = await startAgain(context, session, run);
  note(`started execution ${name}: another attempt of ${runId}`);
  const attempt = run.status === 'planned' ? run.attempt : run.attempt + 1;
  return { runId, arn, execution: name, attempt };
}

/**
 * Whether a redriven execution would be let publish. One that failed claims its run anew; one that was stopped goes on
 * where it was, with the lease that it had.
 */
async function takesLease(
  { world, pipeline }: AwsSession,
  { runId, epoch }: RunRecord,
  { status }: ExecutionState,
): Promise<boolean> {
  if (status === 'FAILED') return true;
  const lease = await world.state.leases.current(leaseName(pipeline));
  return lease?.holder === runId && lease.epoch === epoch;
}

/** The execution that claimed last; undefined when the service does not know it any more. */
export async function executionOf(
  { executions }: AwsSession,
  { facts }: RunRecord,
): Promise<ExecutionState | undefined> {
  const arn = facts['execution'];
  return typeof arn === 'string' ? executions.describe(arn) : undefined;
}

/** Names that a run's attempts may take. */
const mostNames = 100;

async function startAgain(
  context: CommandContext,
  { pipeline, executions, deployment }: AwsSession,
  { runId, attempt }: RunRecord,
): Promise<{ readonly arn: string; readonly name: string }> {
  const { concurrency } = deployment;
  const input = {
    pipeline,
    runId,
    ...(context.flags.on('replan') ? { replan: true } : {}),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
  // A name is good once in 90 days; one whose execution never reached the run is passed over.
  for (let next = attempt + 1; next < attempt + mostNames; next += 1) {
    const name = `${runId}-${next}`.slice(-80);
    const arn = await executions.start({ name, input });
    if (arn !== undefined) return { arn, name };
  }
  throw new UsageError(`the names of the attempts of ${runId} are used up`, {
    safe: 'nothing was started',
    next: `partwise cancel ${runId}`,
  });
}
