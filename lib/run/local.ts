import type { PipelineConfig } from '../config/schema.ts';
import { RunCancelledError, UsageError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import { summaryWorkload } from '../summary/index.ts';
import { type Arrivals, intakeFiles } from './intake.ts';
import { attempt } from './local-attempt.ts';
import type { LocalWorld } from './local-world.ts';
import type { Plan, Workload } from './workload.ts';

export { cancelRun } from './cancel.ts';
export { planOfRun } from './local-attempt.ts';
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

const workloadOf = (config: PipelineConfig): Workload => workloads[config.kind];

/** Takes in what has arrived and runs it to the end. A run that fails is an outcome, not an exception. */
export async function runPipeline(options: RunOptions): Promise<RunOutcome> {
  const { world, config, paths } = options;
  const arrivals = await intakeFiles({
    world,
    config,
    stagingPath: world.stagingPath,
    ...(paths === undefined ? {} : { paths }),
  });
  return {
    ...(await attempt({ ...options, workloadOf }, { mode: 'run', branch: options.branch ?? 'main' })),
    arrivals,
  };
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
  return {
    ...(await attempt({ ...options, workloadOf }, { mode: 'plan', branch: options.branch ?? 'main' })),
    arrivals,
  };
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
    ...(await attempt(
      { ...options, workloadOf },
      { mode: 'run', runId: options.runId, replan: options.replan ?? false },
    )),
    arrivals: undefined,
  };
}
