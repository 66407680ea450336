import { PartwiseError } from '../../errors.ts';
import { leaseName } from '../../run/intake/claim.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { ExecutionState } from '../../stores/sfn-control.ts';
import type { CommandContext } from '../command.ts';
import { makeProgress, type Progress } from '../progress.ts';
import { pause } from './pause.ts';
import type { AwsSession } from './session.ts';
import { type Watch, watchRun } from './watch-run.ts';

export interface FollowOptions {
  readonly context: CommandContext;
  readonly session: AwsSession;
  readonly arn: string;
  /** The run, if it has one yet. */
  readonly runId?: string;
  /** Redrives that the execution must have had; what is told of it before is about the time before. */
  readonly redrives?: number;
  /** The attempt that the run is to begin; what is there of the one before is not told until then. */
  readonly attempt?: number;
}

/** `left`: the person stopped looking; the execution goes on. */
export type Followed =
  | { readonly kind: 'left'; readonly run: RunRecord | undefined }
  | { readonly kind: 'ended'; readonly run: RunRecord | undefined; readonly execution: ExecutionState };

/** Between two looks, the longer the longer it lasts. */
const shortestMs = 1_000;
const longestMs = 10_000;
/** Failures in a row that are waited out: services that do not answer, or an execution that is not told of yet. */
const mostFailures = 30;

/**
 * Looks at an execution and its run until it ends, and tells how far they are as a run on this machine does. It decides
 * nothing: whoever stops looking changes nothing.
 */
export async function follow(options: FollowOptions): Promise<Followed> {
  const { context, session, arn } = options;
  const { environment, output } = context;
  const { signal } = environment;
  const progress = makeProgress({ stream: output.stderr, quiet: output.quiet, now: environment.now });
  const watch = watchRun(session, progress, options.attempt);
  let run: RunRecord | undefined;
  let failures = 0;
  try {
    for (let waitMs = shortestMs; !signal.aborted; waitMs = Math.min(longestMs, waitMs * 1.2)) {
      const lookedMs = environment.now();
      try {
        const execution = await session.executions.describe(arn);
        run = await lookAt(options, watch, progress);
        if (execution !== undefined && hasEnded(execution, options.redrives ?? 0))
          return { kind: 'ended', run: await lookAt(options, watch, progress), execution };
        failures = execution === undefined ? failures + 1 : 0;
        if (failures > mostFailures) throw gone(arn);
      } catch (error) {
        failures += 1;
        if (!(error instanceof PartwiseError && error.retryable) || failures > mostFailures)
          throw stillRunning(error, run, arn);
        progress.event({ kind: 'note', runId: run?.runId ?? '', text: `trying again: ${error.message}` });
      }
      // A run of many thousand units takes longer to look at; most of the time nobody does.
      await pause(environment, Math.max(waitMs, 4 * (environment.now() - lookedMs)));
    }
    return { kind: 'left', run };
  } finally {
    progress.finish();
  }
}

async function lookAt(
  { session, arn, runId }: FollowOptions,
  watch: Watch,
  progress: Progress,
): Promise<RunRecord | undefined> {
  const run = await runOf(session, arn, runId);
  if (run !== undefined) await watch.look(run);
  else await noteLease(session, progress);
  return run;
}

/** The run that the execution claimed for. */
async function runOf(
  { world, pipeline }: AwsSession,
  arn: string,
  runId: string | undefined,
): Promise<RunRecord | undefined> {
  const { runs } = world.state;
  if (runId !== undefined) return runs.get(runId);
  return (await runs.list(pipeline, 10)).find((run) => run.facts['execution'] === arn);
}

/** An execution that has no run yet may wait for another's end. */
async function noteLease({ world, pipeline }: AwsSession, progress: Progress): Promise<void> {
  const lease = await world.state.leases.current(leaseName(pipeline));
  if (lease === undefined || lease.expiresMs <= world.clock.now()) return;
  // Between lease and record there is a moment without a run.
  const isRun = lease.holder.startsWith(`${pipeline}-`);
  if (!isRun || (await world.state.runs.get(lease.holder)) === undefined) return;
  const text = `waiting: ${lease.name} is being written by ${lease.holder}`;
  progress.event({ kind: 'note', runId: lease.holder, text });
}

function hasEnded({ status, redriveCount }: ExecutionState, redrives: number): boolean {
  return redriveCount >= redrives && status !== 'RUNNING' && status !== 'PENDING_REDRIVE';
}

/** The failure of looking, which is none of the run. */
function stillRunning(error: unknown, run: RunRecord | undefined, arn: string): unknown {
  if (!(error instanceof PartwiseError)) return error;
  const again = run === undefined ? 'partwise runs' : `partwise resume ${run.runId}`;
  const told = new PartwiseError(error.message, {
    cause: error,
    details: { ...error.details, execution: arn },
    safe: 'the run goes on without being looked at',
    next: error.next?.startsWith('partwise ') === false ? `${error.next}; then ${again}` : again,
  });
  told.name = error.name;
  return told;
}

function gone(arn: string): PartwiseError {
  return new PartwiseError(`nothing is known of execution ${arn}`, { next: 'partwise runs' });
}
