import type { PipelineConfig } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import { summaryWorkload } from '../summary/index.ts';
import { runCancelled } from './claim.ts';
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
  /** Files and folders of the deletions feed, likewise. */
  readonly deletions?: readonly string[];
  readonly branch?: string;
  /** Takes named files in again that an earlier run refused or that are applied to another branch only; default true. */
  readonly again?: boolean;
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
  const arrivals = await arrive(options);
  return {
    ...(await attempt({ ...options, workloadOf }, { mode: 'run', branch: options.branch ?? 'main' })),
    arrivals,
  };
}

function arrive(options: RunOptions): Promise<Arrivals> {
  const { world, config, paths, deletions, branch = 'main', again = true } = options;
  return intakeFiles({
    world,
    config,
    stagingPath: world.stagingPath,
    branch,
    again,
    ...(paths === undefined ? {} : { paths }),
    ...(deletions === undefined ? {} : { deletions }),
  });
}

/** Claims, prepares and plans; touches no table. Apply it with `resumeRun`, give it back with `cancelRun`. */
export async function planPipeline(options: RunOptions): Promise<RunOutcome> {
  const arrivals = await arrive(options);
  return {
    ...(await attempt({ ...options, workloadOf }, { mode: 'plan', branch: options.branch ?? 'main' })),
    arrivals,
  };
}

/** Goes on with a run from its checkpoints, or applies a saved plan. */
export async function resumeRun(
  options: Omit<RunOptions, 'paths' | 'deletions' | 'branch'> & {
    readonly runId: string;
    readonly replan?: boolean;
  },
): Promise<RunOutcome> {
  const run = await options.world.state.runs.get(options.runId);
  if (run === undefined) throw new UsageError(`there is no run ${options.runId}`, { next: 'partwise runs' });
  if (run.status === 'succeeded' || run.status === 'empty')
    return { run, plan: undefined, arrivals: undefined };
  if (run.status === 'cancelled') throw runCancelled(run.runId);
  return {
    ...(await attempt(
      { ...options, workloadOf },
      { mode: 'run', runId: options.runId, replan: options.replan ?? false },
    )),
    arrivals: undefined,
  };
}
