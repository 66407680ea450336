import { taskOf } from '../run/tasks.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { SummaryTask } from '../summary/tasks/tasks.ts';
import type { CommandContext } from './command.ts';
import { loadChosenPipeline } from './pipeline.ts';
import { didNothing } from './task-lines.ts';

/**
 * After a rebucket: what to write in the pipeline file where it says another number of buckets than the tables have now; nothing
 * where it fits, or is not here. Beside another advice it is the second one.
 */
export async function bucketLines(context: CommandContext, run: RunRecord): Promise<readonly string[]> {
  const task = taskOf(run) as SummaryTask | undefined;
  if (task?.kind !== 'rebucket') return [];
  const loaded = await loadChosenPipeline(context).catch(() => undefined);
  if (loaded?.config.kind !== 'summary' || loaded.config.pipeline !== run.pipeline) return [];
  const said = loaded.config.tables.buckets;
  if (said === undefined || said === task.buckets) return [];
  return [
    `${didNothing(run) ? 'next  ' : '      '} write buckets: ${task.buckets} under tables in ${loaded.path}, or leave the line out: it says ${said}`,
  ];
}
