import type { PipelineConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { cancelRun } from '../cancel.ts';
import type { BatchDecision, RepairRequest } from '../intake/batch.ts';
import { batchOf } from '../intake/batches.ts';
import { isSettled, type ReplayedBatch, runCancelled, runsSeen, startRun } from '../intake/claim.ts';
import { arrivalsWaiting } from '../intake/claimed-files.ts';
import { type Arrivals, intakeFiles } from '../intake/intake.ts';
import type { Plan, World } from '../workload.ts';
import { workloadOf } from '../workloads.ts';
import { attempt } from './local-attempt.ts';
import type { LocalWorld } from './local-world.ts';

export { cancelRun } from '../cancel.ts';
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
  /** For workloads in batches: the logical time by which they are due, default now; and whether to publish what is open. */
  readonly untilMs?: number;
  readonly flush?: boolean;
  /** When new files count as having arrived; default now. */
  readonly arrivedMs?: number;
}

export interface RunOutcome {
  /** undefined when there was nothing to claim. */
  readonly run: RunRecord | undefined;
  readonly plan: Plan | undefined;
  readonly arrivals: Arrivals | undefined;
}

/** Takes in what has arrived and runs it to the end. A run that fails is an outcome, not an exception. */
export async function runPipeline(options: RunOptions): Promise<RunOutcome> {
  const arrivals = await arrive(options);
  return {
    ...(await attempt({ ...options, workloadOf }, { mode: 'run', ...requested(options) })),
    arrivals,
  };
}

function requested({ branch = 'main', untilMs, flush }: RunOptions): Record<string, string | boolean> {
  return {
    branch,
    ...(untilMs === undefined ? {} : { until: new Date(untilMs).toISOString() }),
    ...(flush === undefined ? {} : { flush }),
  };
}

function arrive(options: RunOptions): Promise<Arrivals> {
  const { world, config, paths, deletions, arrivedMs, branch = 'main', again = true } = options;
  return intakeFiles({
    world,
    config,
    stagingPath: world.stagingPath,
    branch,
    again,
    ...(paths === undefined ? {} : { paths }),
    ...(arrivedMs === undefined ? {} : { arrivedMs }),
    ...(deletions === undefined ? {} : { deletions }),
  });
}

/** The next batch of a pipeline that works in batches, or when it will be due; undefined for other pipelines. */
export async function nextBatchOf(
  options: Pick<RunOptions, 'config' | 'branch' | 'flush' | 'untilMs'> & { readonly world: World },
): Promise<BatchDecision | undefined> {
  const { world, config, branch = 'main', flush = false } = options;
  return workloadOf(config).nextBatch?.(world, config, {
    branch,
    flush,
    untilMs: options.untilMs ?? world.clock.now(),
    ...(await arrivalsWaiting(world, config.pipeline)),
  });
}

/** Claims, prepares and plans; touches no table. Apply it with `resumeRun`, give it back with `cancelRun`. */
export async function planPipeline(options: RunOptions): Promise<RunOutcome> {
  const arrivals = await arrive(options);
  return {
    ...(await attempt({ ...options, workloadOf }, { mode: 'plan', ...requested(options) })),
    arrivals,
  };
}

/** Publishes a batch to a branch once more; goes on with a run on the branch that has begun it. */
export async function replayBatch(
  options: Omit<RunOptions, 'paths' | 'deletions' | 'branch'> & {
    readonly branch: string;
    readonly replay: ReplayedBatch;
  },
): Promise<RunOutcome> {
  const { world, config, branch, replay, signal } = options;
  const more = signal === undefined ? {} : { signal };
  const begun = (await world.state.runs.list(config.pipeline, runsSeen)).find(
    (run) => run.branch === branch && !isSettled(run) && batchOf(run)?.number === replay.number,
  );
  if (begun !== undefined && begun.facts['claimedObjects'] !== undefined)
    return resumeRun({ world, config, runId: begun.runId, ...more });
  if (begun !== undefined) await cancelRun({ world, runId: begun.runId });
  const { run } = await startRun({
    world,
    config,
    workload: workloadOf(config),
    branch,
    mode: 'run',
    replay,
    begunLater: true,
  });
  return resumeRun({ world, config, runId: run.runId, ...more });
}

interface RepairOptions extends Pick<RunOptions, 'world' | 'config' | 'signal'> {
  readonly repair: RepairRequest;
}

/** A repair that has not ended: nothing else comes before it. */
export async function unfinishedRepair(
  world: World,
  pipeline: string,
): Promise<{ readonly runId: string; readonly repair: RepairRequest } | undefined> {
  for (const run of await world.state.runs.list(pipeline, runsSeen)) {
    const repair = batchOf(run)?.repair;
    if (!isSettled(run) && repair !== undefined) return { runId: run.runId, repair };
  }
  return undefined;
}

/** Works points into windows of main that are published; goes on with a repair that has not ended, which may be of others. */
export async function repairPoints(options: RepairOptions): Promise<RunOutcome> {
  const { world, config, signal } = options;
  const more = signal === undefined ? {} : { signal };
  const begun = await unfinishedRepair(world, config.pipeline);
  const runId = begun?.runId ?? (await startRepair(options, 'run'));
  return resumeRun({ world, config, runId, ...more });
}

/** Says what a repair would do: it is planned and given back. */
export async function planRepair(options: RepairOptions): Promise<RunOutcome> {
  const { world } = options;
  const runId = await startRepair(options, 'plan');
  const outcome = await attempt({ ...options, workloadOf }, { mode: 'plan', runId });
  return { ...outcome, run: await cancelRun({ world, runId }), arrivals: undefined };
}

async function startRepair({ world, config, repair }: RepairOptions, mode: 'plan' | 'run'): Promise<string> {
  const { run } = await startRun({
    world,
    config,
    workload: workloadOf(config),
    branch: 'main',
    mode,
    repair,
    begunLater: true,
  });
  return run.runId;
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
