import type { PipelineConfig } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { Task, Workload } from './workload.ts';

/** What the run does instead of taking files in; undefined for runs that take files in. */
export function taskOf(run: Pick<RunRecord, 'facts'>): Task | undefined {
  return run.facts['task'] as Task | undefined;
}

/** The configuration that a run of the task is pinned to. @throws UsageError when the workload does no such task */
export function configForTask(workload: Workload, config: PipelineConfig, task: Task): PipelineConfig {
  if (workload.configForTask === undefined)
    throw new UsageError(`a ${config.kind} pipeline does no tasks`, { safe: 'nothing was changed' });
  return workload.configForTask(config, task);
}
