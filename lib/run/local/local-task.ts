import type { PipelineConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { begunTask } from '../begun-task.ts';
import { startRun } from '../intake/claim.ts';
import { configForTask } from '../tasks.ts';
import type { Task } from '../workload.ts';
import { workloadOf } from '../workloads.ts';
import { cancelRun, type RunOutcome, resumeRun } from './local.ts';
import type { LocalWorld } from './local-world.ts';

interface TaskOptions {
  readonly world: LocalWorld;
  readonly config: PipelineConfig;
  readonly task: Task;
  readonly signal?: AbortSignal;
}

/**
 * Does a task on main as a run of its own; goes on with a run of the same task that has not ended.
 * @throws UsageError when a run of the same kind of task, but not the same, has not ended, and when the task cannot be done
 */
export async function runTask(options: TaskOptions): Promise<RunOutcome> {
  const { world, config, task, signal } = options;
  const begun = await begunTask(world, config.pipeline, task);
  const runId = begun?.runId ?? (await startTask(options)).runId;
  const outcome = await resumeRun({ world, config, runId, ...(signal === undefined ? {} : { signal }) });
  if (begun === undefined) await giveUpMistake(world, outcome.run);
  return outcome;
}

/** A task that cannot be done as it was asked for leaves no run that stands in the way of another one. @throws UsageError */
async function giveUpMistake(world: LocalWorld, run: RunRecord | undefined): Promise<void> {
  if (run?.status !== 'failed' || run.error?.name !== UsageError.name) return;
  await cancelRun({ world, runId: run.runId });
  const { message, next } = run.error;
  throw new UsageError(message, {
    safe: 'nothing was changed',
    ...(next === undefined || next.includes(run.runId) ? {} : { next }),
  });
}

async function startTask({ world, config, task }: TaskOptions): Promise<RunRecord> {
  const workload = workloadOf(config);
  const forTask = configForTask(workload, config, task);
  const { run } = await startRun({
    world,
    config: forTask,
    workload,
    branch: 'main',
    mode: 'run',
    task,
    begunLater: true,
  });
  return run;
}
