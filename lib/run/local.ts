import { readFile } from 'node:fs/promises';
import { type Json, lambdaInvoke, loadStateMachine, startExecution, type TaskCall } from '../asl/index.ts';
import type { PipelineConfig } from '../config/schema.ts';
import { CorruptStateError, LeaseLostError, RunCancelledError, UsageError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import { summaryWorkload } from '../summary/index.ts';
import { leaseName, leaseTtlMs } from './claim.ts';
import { readManifest, runContext } from './context.ts';
import { handlers, releaseLease } from './handlers.ts';
import { type Arrivals, intakeFiles } from './intake.ts';
import { layout } from './layout.ts';
import { objectAccess } from './local-objects.ts';
import type { LocalWorld } from './local-world.ts';
import { readPlan } from './planning.ts';
import type { Plan, Workload } from './workload.ts';

export { type LocalWorld, type LocalWorldOptions, localCatalogName, openLocalWorld } from './local-world.ts';

/** Runs on this machine: the synthesised state machine through the interpreter, the same handlers as anywhere. */

export interface RunOptions {
  readonly world: LocalWorld;
  readonly config: PipelineConfig;
  /** Files and folders to take in besides the staging folder. */
  readonly paths?: readonly string[];
  readonly branch?: string;
  readonly signal?: AbortSignal;
}

export interface RunOutcome {
  /** undefined when there was nothing to claim. */
  readonly run: RunRecord | undefined;
  readonly plan: Plan | undefined;
  readonly arrivals: Arrivals | undefined;
}

const workloads: Readonly<Record<PipelineConfig['kind'], Workload>> = { summary: summaryWorkload };

export const workloadOf = (config: PipelineConfig): Workload => workloads[config.kind];

/** Takes in what has arrived and runs it to the end. A run that fails is an outcome, not an exception. */
export async function runPipeline(options: RunOptions): Promise<RunOutcome> {
  const { world, config, paths } = options;
  const arrivals = await intakeFiles({
    world,
    config,
    stagingPath: world.stagingPath,
    ...(paths === undefined ? {} : { paths }),
  });
  return { ...(await execute(options, { mode: 'run', branch: options.branch ?? 'main' })), arrivals };
}

/** Claims, prepares and plans; touches no table. Apply it with `resumeRun`, give it back with `cancelRun`. */
export async function planPipeline(options: RunOptions): Promise<RunOutcome> {
  const { world, config, paths } = options;
  const arrivals = await intakeFiles({
    world,
    config,
    stagingPath: world.stagingPath,
    ...(paths === undefined ? {} : { paths }),
  });
  return { ...(await execute(options, { mode: 'plan', branch: options.branch ?? 'main' })), arrivals };
}

/** Goes on with a run from its checkpoints, or applies a saved plan. */
export async function resumeRun(
  options: Omit<RunOptions, 'paths' | 'branch'> & { readonly runId: string; readonly replan?: boolean },
): Promise<RunOutcome> {
  const run = await options.world.state.runs.get(options.runId);
  if (run === undefined) throw new UsageError(`there is no run ${options.runId}`, { next: 'partwise runs' });
  if (run.status === 'succeeded' || run.status === 'empty')
    return { run, plan: undefined, arrivals: undefined };
  if (run.status === 'cancelled') {
    throw new RunCancelledError(`run ${options.runId} was cancelled; its files are pending again`, {
      next: 'partwise run',
    });
  }
  return {
    ...(await execute(options, { mode: 'run', runId: options.runId, replan: options.replan ?? false })),
    arrivals: undefined,
  };
}

/** Gives the run's claims back. What it wrote is unreferenced and goes with the next clean-up. */
export async function cancelRun(options: {
  readonly world: LocalWorld;
  readonly runId: string;
}): Promise<RunRecord> {
  const { world, runId } = options;
  const run = await world.state.runs.get(runId);
  if (run === undefined) throw new UsageError(`there is no run ${runId}`, { next: 'partwise runs' });
  if (run.status === 'succeeded' || run.status === 'empty' || run.facts['published'] !== undefined) {
    throw new UsageError(`run ${runId} has been published; it cannot be cancelled`, {
      next: `partwise status ${runId}`,
    });
  }
  const lease = await world.state.leases.acquire(leaseName(run.pipeline), runId, leaseTtlMs);
  await world.state.intake.release(runId);
  const cancelled = await world.state.runs.update(runId, {
    status: 'cancelled',
    epoch: lease.epoch,
    endedMs: world.clock.now(),
  });
  await world.state.leases.release(lease);
  return cancelled;
}

interface Start {
  readonly mode: 'plan' | 'run';
  readonly runId?: string;
  readonly branch?: string;
  readonly replan?: boolean;
}

async function execute(
  options: Omit<RunOptions, 'paths'>,
  start: Start,
): Promise<Omit<RunOutcome, 'arrivals'>> {
  const { world, config } = options;
  const control = new AbortController();
  const onAbort = () => control.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort);
  let runId = start.runId;
  const functions = handlers({ world, pipeline: async () => config, workloadOf, signal: control.signal });
  const renewal = setInterval(() => {
    if (runId !== undefined)
      renewLease(world, config.pipeline, runId).catch((error: unknown) => control.abort(error));
  }, leaseTtlMs / 3);
  const notice = { ...world, progress: world.progress };
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
              async (payload: Json, _call: TaskCall) => {
                const output: unknown = await handler(payload as never);
                if (name === 'intake') runId = (output as { runId: string }).runId;
                return output;
              },
            ]),
          ),
        ),
      },
      objects: objectAccess({ results: world.results }),
      signal: control.signal,
    });
    const run = runId === undefined ? undefined : await notice.state.runs.get(runId);
    if (run === undefined) {
      if (result.status === 'SUCCEEDED') return { run: undefined, plan: undefined };
      throw asError(result.error, result.cause);
    }
    const ended =
      run.endedMs === undefined && result.status !== 'SUCCEEDED'
        ? await recordEnd(world, run, result.error, result.cause)
        : run;
    return { run: ended, plan: await planOfRun(world, ended) };
  } finally {
    clearInterval(renewal);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** An execution that was aborted, or failed outside of its own error path, leaves the record to us. */
async function recordEnd(
  world: LocalWorld,
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

export async function planOfRun(world: LocalWorld, run: RunRecord): Promise<Plan | undefined> {
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

async function renewLease(world: LocalWorld, pipeline: string, runId: string): Promise<void> {
  const lease = await world.state.leases.current(leaseName(pipeline));
  if (lease === undefined) return;
  if (lease.holder !== runId)
    throw new LeaseLostError(`${lease.holder} took over ${lease.name}`, {
      safe: 'nothing of this attempt was published',
    });
  await world.state.leases.renew(lease, leaseTtlMs);
}

let machine: Promise<ReturnType<typeof loadStateMachine>> | undefined;

function pipelineMachine(): Promise<ReturnType<typeof loadStateMachine>> {
  machine ??= readFile(new URL('../asl/pipeline.asl.json', import.meta.url), 'utf8').then((text) =>
    loadStateMachine(JSON.parse(text), {
      substitutions: {
        intake: 'intake',
        plan: 'plan',
        work: 'work',
        audit: 'audit',
        publish: 'publish',
        report: 'report',
        results: 'results',
      },
    }),
  );
  return machine;
}

function asError(name: string | undefined, cause: string | undefined): Error {
  const error = new CorruptStateError(cause ?? 'the execution ended without a run');
  if (name !== undefined) error.name = name;
  return error;
}

export { layout };
