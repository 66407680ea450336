import { LeaseHeldError, StoreUnavailableError, UsageError } from '../../errors.ts';
import { checkCancellable } from '../../run/cancel.ts';
import { leaseName } from '../../run/intake/claim.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { findRun } from '../session.ts';
import { cancelledBecause } from './cancelled.ts';
import { pause } from './pause.ts';
import { executionOf } from './resume.ts';
import { type AwsSession, openAwsSession } from './session.ts';

/** The queue is looked at every 20 seconds, and a function may have to start. */
const patienceMs = 180_000;
const lookMs = 2_000;

/** Stops the run's execution if it is at work, then has the trigger give the files back; returns what the run is then. */
export async function cancelOnAws(
  context: CommandContext,
  named: string,
  tell: (context: CommandContext, run: RunRecord) => ExitCode,
): Promise<ExitCode> {
  await using session = await openAwsSession(context);
  const run = await findRun(session, named);
  checkCancellable(run);
  if (run.status === 'cancelled') return tell(context, run);
  await checkLease(session, run);
  await stopExecution(context, session, run);
  const { runId } = run;
  await session.send({ partwise: 'cancel', pipeline: session.pipeline, runId });
  context.output.note('  asked the trigger to give the files back');
  const cancelled = await until(context, async () => {
    const now = await session.world.state.runs.get(runId);
    return now?.status === 'cancelled' ? now : undefined;
  });
  if (cancelled !== undefined) return tell(context, cancelled);
  throw new StoreUnavailableError(`the trigger has not cancelled ${runId} yet`, {
    safe: 'nothing of it is visible; the message stays in the queue, and the run cannot go on by itself',
    next: `partwise status ${runId}; the log of the function trigger says more`,
  });
}

/** The trigger could not cancel while another run writes, and would try again only half an hour later. */
async function checkLease({ world, pipeline }: AwsSession, { runId }: RunRecord): Promise<void> {
  const lease = await world.state.leases.current(leaseName(pipeline));
  if (lease === undefined || lease.holder === runId || lease.expiresMs <= world.clock.now()) return;
  throw new LeaseHeldError(`${lease.name} is being written by ${lease.holder}`, {
    safe: 'nothing was changed',
    next: `partwise cancel ${runId}, once ${lease.holder} has ended`,
  });
}

async function stopExecution(context: CommandContext, session: AwsSession, run: RunRecord): Promise<void> {
  const execution = await executionOf(session, run);
  if (execution?.status !== 'RUNNING') return;
  const { status } = (await session.world.state.runs.get(run.runId)) ?? run;
  // Whether readers have it would be anybody's guess.
  if (status === 'publishing')
    throw new UsageError(`run ${run.runId} is being published; it cannot be cancelled`, {
      safe: 'it goes on',
      next: `partwise resume ${run.runId}, which follows it`,
    });
  await session.executions.stop(execution.arn, cancelledBecause);
  context.output.note(`  stopped execution ${execution.name}`);
  await until(context, async () => {
    const now = await session.executions.describe(execution.arn);
    return now?.status === 'RUNNING' ? undefined : 'stopped';
  });
}

async function until<T>(
  { environment }: CommandContext,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { signal, now } = environment;
  const end = now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined || signal.aborted || now() > end) return found;
    await pause(environment, lookMs);
  }
}
