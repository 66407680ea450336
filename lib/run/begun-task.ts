import { UsageError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import { isSettled, runsSeen } from './intake/claim.ts';
import { taskOf } from './tasks.ts';
import type { Task, World } from './workload.ts';

/**
 * The run of the same task that has not ended: it is gone on with instead of another one begun.
 * @throws UsageError when a run of the same kind of task, but not the same, has not ended
 */
export async function begunTask(
  world: Pick<World, 'state'>,
  pipeline: string,
  task: Task,
): Promise<RunRecord | undefined> {
  const begun = (await world.state.runs.list(pipeline, runsSeen)).find(
    (run) => !isSettled(run) && taskOf(run)?.kind === task.kind,
  );
  if (begun !== undefined && JSON.stringify(taskOf(begun)) !== JSON.stringify(task))
    throw new UsageError(`run ${begun.runId}, of the same kind and with other flags, has not ended`, {
      safe: 'nothing was changed',
      next: `partwise resume ${begun.runId}, or partwise cancel ${begun.runId}`,
    });
  return begun;
}
