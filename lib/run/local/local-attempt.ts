import { rm } from 'node:fs/promises';
import { type Json, lambdaInvoke, startExecution } from '../../asl/index.ts';
import type { PipelineConfig } from '../../config/schema.ts';
import { LeaseLostError, RunCancelledError } from '../../errors.ts';
import { storageError } from '../../storage-error.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { mustBeCurrentAttempt } from '../attempt-guard.ts';
import { readManifest, runContext } from '../context.ts';
import { handlers } from '../handlers.ts';
import { leaseName, leaseTtlMs } from '../intake/claim.ts';
import { pipelineMachine } from '../pipeline-definition.ts';
import { readPlan } from '../plan/planning.ts';
import { raisedError } from '../raised-error.ts';
import { releaseLease } from '../run-end.ts';
import type { Plan, Workload, World } from '../workload.ts';
import { objectAccess } from './local-objects.ts';
import { GLUE_RUN, localSpark } from './local-spark.ts';

/** One attempt of a run on this machine: the synthesised state machine through the interpreter, the same handlers as anywhere. */

export interface Start {
  readonly mode: 'plan' | 'run';
  readonly runId?: string;
  readonly branch?: string;
  readonly replan?: boolean;
  /** For workloads in batches. */
  readonly until?: string;
  readonly flush?: boolean;
}

export interface AttemptOptions {
  readonly world: World;
  readonly config: PipelineConfig;
  readonly workloadOf: (config: PipelineConfig) => Workload;
  readonly signal?: AbortSignal;
}

export interface AttemptOutcome {
  /** undefined when there was nothing to claim. */
  readonly run: RunRecord | undefined;
  readonly plan: Plan | undefined;
}

/** A run that fails is an outcome; only what happens before there is a run is thrown. */
export async function attempt(options: AttemptOptions, start: Start): Promise<AttemptOutcome> {
  const { world, config, workloadOf } = options;
  const control = new AbortController();
  const onAbort = () => control.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted === true) onAbort();
  let runId = start.runId;
  const before = runId === undefined ? undefined : await world.state.runs.get(runId);
  const functions = handlers({ world, pipeline: async () => config, workloadOf, signal: control.signal });
  let attemptNumber: number | undefined;
  const renewal = setInterval(() => {
    if (runId !== undefined && attemptNumber !== undefined)
      renewLease(world, config.pipeline, runId, attemptNumber).catch((error: unknown) =>
        control.abort(error),
      );
  }, leaseTtlMs / 3);
  try {
    const result = await startExecution({
      machine: await pipelineMachine(),
      name: `${config.pipeline}-${world.clock.now()}`,
      input: {
        pipeline: config.pipeline,
        ...start,
        concurrency: config.work.threads ?? world.resources.threads,
      } as Json,
      tasks: {
        'arn:aws:states:::lambda:invoke': lambdaInvoke(
          Object.fromEntries(
            Object.entries(functions).map(([name, handler]) => [
              name,
              async (payload: Json) => {
                const output: unknown = await handler(payload as never).catch((error: unknown) => {
                  throw storageError(error);
                });
                if (name === 'intake')
                  ({ runId, attempt: attemptNumber } = output as { runId: string; attempt: number });
                return output;
              },
            ]),
          ),
        ),
        [GLUE_RUN]: localSpark(world),
      },
      objects: objectAccess({ results: world.results }),
      signal: control.signal,
    });
    const run = runId === undefined ? undefined : await world.state.runs.get(runId);
    if (run === undefined) {
      if (result.status === 'SUCCEEDED') return { run: undefined, plan: undefined };
      if (options.signal?.aborted === true) {
        throw new RunCancelledError('stopped before a run was begun', {
          safe: 'nothing was changed; the files wait for the next run',
          next: 'partwise run',
        });
      }
      throw raisedError({
        name: result.error ?? 'PartwiseError',
        cause: result.cause ?? 'the execution ended without a run',
      });
    }
    // Taken up again and failed before anything was recorded: what stands in the record is an earlier failure.
    if (result.status !== 'SUCCEEDED' && run.endedMs !== undefined && run.updatedMs === before?.updatedMs) {
      throw raisedError({
        name: result.error ?? 'PartwiseError',
        cause: result.cause ?? 'the run did not go on',
      });
    }
    if (attemptNumber !== undefined) mustBeCurrentAttempt(run, attemptNumber);
    const ended =
      run.endedMs === undefined && result.status !== 'SUCCEEDED'
        ? await recordEnd(world, run, ...endOf(options, result))
        : run;
    await rm(`${world.workRoot}/${run.runId}`, { recursive: true, force: true });
    return { run: ended, plan: await planOfRun(world, ended) };
  } finally {
    clearInterval(renewal);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Name and words of an end that no handler reported; what a person stopped is no failure of its own. */
function endOf(
  options: AttemptOptions,
  result: { readonly error?: string | undefined; readonly cause?: string | undefined },
): readonly [name: string | undefined, message: string | undefined] {
  return options.signal?.aborted === true
    ? [RunCancelledError.name, 'the run was interrupted']
    : [result.error, result.cause];
}

/** An execution that was aborted, or failed outside of its own error path, leaves the record to us. */
async function recordEnd(
  world: World,
  run: RunRecord,
  error: string | undefined,
  cause: string | undefined,
): Promise<RunRecord> {
  const ended = await world.state.runs.update(run.runId, {
    status: 'failed',
    endedMs: world.clock.now(),
    error: {
      name: error ?? 'States.Aborted',
      message: cause ?? 'the run was interrupted',
      next: `partwise resume ${run.runId}`,
    },
  });
  await releaseLease(world, run);
  return ended;
}

export async function planOfRun(world: World, run: RunRecord): Promise<Plan | undefined> {
  const manifest = await readManifest(world, run.runId).catch(() => undefined);
  if (manifest === undefined) return undefined;
  return readPlan(
    runContext({
      world,
      run,
      config: manifest.config,
      signal: new AbortController().signal,
      parallelUnits: 1,
    }),
  );
}

async function renewLease(
  world: World,
  pipeline: string,
  runId: string,
  attemptNumber: number,
): Promise<void> {
  const run = await world.state.runs.get(runId);
  if (run !== undefined) mustBeCurrentAttempt(run, attemptNumber);
  const lease = await world.state.leases.current(leaseName(pipeline));
  if (lease === undefined) return;
  if (lease.holder !== runId)
    throw new LeaseLostError(`${lease.holder} took over ${lease.name}`, {
      safe: 'nothing of this attempt was published',
    });
  await world.state.leases.renew(lease, leaseTtlMs);
}
