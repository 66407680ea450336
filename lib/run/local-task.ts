import type { PipelineConfig } from '../config/schema.ts';
import type { RunRecord } from '../stores/ports.ts';
import { begunTask } from './begun-task.ts';
import { startRun } from './claim.ts';
import { type RunOutcome, resumeRun } from './local.ts';
import type { LocalWorld } from './local-world.ts';
import { configForTask } from './tasks.ts';
import type { Task } from './workload.ts';
import { workloadOf } from './workloads.ts';

interface TaskOptions {
  readonly world: LocalWorld;
  readonly config: PipelineConfig;
  readonly task: Task;
  readonly signal?: AbortSignal;
}

/**
 * Does a task on main as a run of its own; goes on with a run of the same task that has not ended.
 * @throws UsageError when a run of the same kind of task, but not the same, has not ended
 */
export async function runTask(options: TaskOptions): Promise<RunOutcome> {
  const { world, config, task, signal } = options;
  const begun = await begunTask(world, config.pipeline, task);
  const runId = begun?.runId ?? (await startTask(options)).runId;
  return resumeRun({ world, config, runId, ...(signal === undefined ? {} : { signal }) });
}

async function startTask({ world, config, task }: TaskOptions): Promise<RunRecord> {
  const workload = workloadOf(config);
  const forTask = configForTask(workload, config, task);
  const { run } = await startRun({ world, config: forTask, workload, branch: 'main', mode: 'run', task });
  return run;
}
