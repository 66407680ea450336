import { LeaseLostError } from '../errors.ts';
import type { Table } from '../iceberg/index.ts';
import type { RunRecord } from '../stores/ports.ts';
import { commitKeys } from './publish/table-change.ts';
import type { RunContext } from './workload.ts';

/** What keeps an attempt from publishing that is not the run's any more. */

/**
 * Whether an attempt still is the run's: a cancelled run has none, and one that was taken up again has another. A lease
 * cannot tell, since all attempts of a run hold it by one name.
 */
export function isCurrentAttempt(run: Pick<RunRecord, 'status' | 'attempt'>, attempt: number): boolean {
  return run.status !== 'cancelled' && run.attempt === attempt;
}

/** @throws LeaseLostError when the attempt is not the run's any more */
export function mustBeCurrentAttempt(run: RunRecord, attempt: number): void {
  if (isCurrentAttempt(run, attempt)) return;
  const { runId, status } = run;
  throw new LeaseLostError(
    status === 'cancelled'
      ? `run ${runId} was cancelled while attempt ${attempt} was at work`
      : `attempt ${attempt} of run ${runId} was overtaken by attempt ${run.attempt}`,
    { safe: 'this attempt published nothing', next: `partwise status ${runId}` },
  );
}

/** A lease and its epochs belong to a pipeline; another pipeline that writes the same table has its own. */
export function epochKey(context: RunContext): string {
  return `${commitKeys.epoch}.${context.config.pipeline}`;
}

/** Another process may have cancelled the run or taken it up again. @throws LeaseLostError */
export async function refuseFormerAttempt({ world, runId, attempt }: RunContext): Promise<void> {
  const run = await world.state.runs.get(runId);
  if (run !== undefined) mustBeCurrentAttempt(run, attempt);
}

/** @throws LeaseLostError when a later attempt has published the table */
export function refuseLowerEpoch(table: Table, context: RunContext): void {
  const epoch = Number(table.metadata.properties[epochKey(context)] ?? 0);
  if (epoch <= context.epoch) return;
  throw new LeaseLostError(
    `${table.identifier.namespace}.${table.identifier.name} was published under epoch ${epoch}, this attempt holds ${context.epoch}`,
    {
      safe: 'nothing of this attempt was published; its checkpoints stand',
      next: `partwise resume ${context.runId}`,
    },
  );
}
