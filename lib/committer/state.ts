import { JobClosedError, LeaseLostError, ObjectExistsError, ObjectNotFoundError } from '../errors.ts';
import type { Location } from '../stores/ports.ts';
import { layout } from './layout.ts';
import { type Header, readHeader } from './lines.ts';
import { encode, formatVersion } from './records.ts';
import type { JobState, Output } from './types.ts';

/** One job and what reaches it. */
export interface JobContext {
  readonly output: Output;
  readonly runId: string;
  readonly folder: Location;
  readonly committed: Location;
  readonly parallel: number;
}

export function jobContext(output: Output, runId: string): JobContext {
  return {
    output,
    runId,
    folder: layout.job(output.destination, runId),
    committed: layout.committed(output.destination, runId),
    parallel: output.parallel ?? 16,
  };
}

/** The job's pendingset, or the mark that stands in its place after an abort. */
export async function decisionOf({ output, folder }: JobContext): Promise<Header | undefined> {
  try {
    return await readHeader(output.store, layout.decision(folder));
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}

/** The commit record is asked last too: whoever commits removes the decision after writing it. */
export async function stateOf(job: JobContext): Promise<JobState> {
  const isCommitted = async () => (await job.output.store.head(job.committed)) !== undefined;
  if (await isCommitted()) return 'committed';
  const decision = await decisionOf(job);
  if (await isCommitted()) return 'committed';
  if (decision === undefined) return 'open';
  return decision.outcome === 'commit' ? 'committing' : 'aborted';
}

/** Notes that an attempt with this epoch is there. @throws LeaseLostError */
export async function enterEpoch(job: JobContext, attempt: number, epoch: number): Promise<void> {
  await refuseLowerEpoch(job, epoch);
  const record = encode({ formatVersion, run: job.runId, attempt, epoch });
  try {
    await job.output.store.write(layout.epoch(job.folder, epoch), record);
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
}

/** @throws LeaseLostError */
export async function refuseLowerEpoch({ output, folder, runId }: JobContext, epoch: number): Promise<void> {
  const own = layout.epoch(folder, epoch);
  for await (const { location } of output.store.list(`${layout.epochs(folder)}/`)) {
    if (location <= own) continue;
    throw new LeaseLostError(
      `a newer attempt writes the files of run ${runId}; this one holds epoch ${epoch}`,
      {
        details: { runId, epoch },
        safe: 'nothing of the newer attempt was touched',
        next: `partwise resume ${runId}`,
      },
    );
  }
}

export function closed(job: JobContext, state: Exclude<JobState, 'open'>, what: string): JobClosedError {
  return new JobClosedError(`run ${job.runId} at ${job.output.destination} is ${state}: ${what}`, {
    details: { runId: job.runId, destination: job.output.destination, state },
    safe: state === 'aborted' ? 'none of its files is visible' : 'its files are visible or will be',
  });
}
