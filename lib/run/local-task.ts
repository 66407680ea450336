import type { PipelineConfig } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import { isSettled, runsSeen, startRun } from './claim.ts';
import { type RunOutcome, resumeRun } from './local.ts';
import type { LocalWorld } from './local-world.ts';
import { taskOf } from './tasks.ts';
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
  const begun = (await world.state.runs.list(config.pipeline, runsSeen)).find(
    (run) => !isSettled(run) && taskOf(run)?.kind === task.kind,
  );
  if (begun !== undefined && JSON.stringify(taskOf(begun)) !== JSON.stringify(task))
    throw new UsageError(`run ${begun.runId}, of the same kind and with other flags, has not ended`, {
      safe: 'nothing was changed',
      next: `partwise resume ${begun.runId}, or partwise cancel ${begun.runId}`,
    });
  const runId =
    begun?.runId ??
    (await startRun({ world, config, workload: workloadOf(config), branch: 'main', mode: 'run', task })).run
      .runId;
  return resumeRun({ world, config, runId, ...(signal === undefined ? {} : { signal }) });
}
