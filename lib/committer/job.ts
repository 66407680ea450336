import { randomUUID } from 'node:crypto';
import { cleanJob } from './clean.ts';
import { Names } from './lines.ts';
import { decideAbort, decideCommit, finishCommit } from './publish.ts';
import { closed, enterEpoch, jobContext, refuseLowerEpoch, stateOf } from './state.ts';
import { openTask } from './task.ts';
import type { CommittedJob, Job, JobOptions, JobState, Output } from './types.ts';

/**
 * A job: the files of one run at one destination, of which readers see nothing before its commit. Every process that
 * takes part opens it; all state is in the store.
 *
 *     tasks upload -> task pendingsets (first one wins) -> job pendingset = commit point -> completions -> commit record
 *
 * @throws LeaseLostError an attempt with a higher epoch was opened
 * @example
 * const job = await openJob({ store, pending, destination, clock, runId, attempt: 1, epoch: 1 });
 * const task = job.task('unit-7', 1);
 * await task.write('part-7.parquet', { path: '/tmp/part-7.parquet' });
 * await task.commit();
 * await job.commit({ tasks: ['unit-7'] });
 */
export async function openJob(options: JobOptions): Promise<Job> {
  const { runId, attempt, epoch, newId = randomUUID } = options;
  const job = jobContext(options, runId);
  const state = await stateOf(job);
  if (state === 'open') await enterEpoch(job, attempt, epoch);

  return {
    state,
    task: (name, taskAttempt) => openTask({ job, state, name, attempt: taskAttempt, attemptId: newId() }),

    async commit({ tasks }): Promise<CommittedJob> {
      const names = new Names();
      const now = await stateOf(job);
      if (now === 'aborted') throw closed(job, now, 'it cannot be committed');
      if (now === 'open') {
        await refuseLowerEpoch(job, epoch);
        await decideCommit(job, { attempt, epoch }, noted(tasks, names));
      } else for await (const _ of noted(tasks, names));
      const { committed, totals } = await finishCommit(job);
      if (totals.names !== names.digest()) throw closed(job, 'committed', 'with other tasks than these');
      return committed;
    },

    async abort() {
      const now = await stateOf(job);
      if (now === 'committing' || now === 'committed') throw closed(job, now, 'it cannot be aborted');
      await refuseLowerEpoch(job, epoch);
      await decideAbort(job, { attempt, epoch });
      await cleanJob(job, 'aborted');
    },
  };
}

/** Finishes what was decided: completes a job whose pendingset stands, cleans up after an abort. Returns where it stands now. */
export async function resumeJob(options: Output & { readonly runId: string }): Promise<JobState> {
  const job = jobContext(options, options.runId);
  const state = await stateOf(job);
  switch (state) {
    case 'committing':
    case 'committed':
      await finishCommit(job);
      return 'committed';
    case 'aborted':
      await cleanJob(job, 'aborted');
      return state;
    case 'open':
      return state;
  }
}

async function* noted(tasks: Iterable<string> | AsyncIterable<string>, names: Names): AsyncGenerator<string> {
  for await (const task of tasks) {
    names.add(task);
    yield task;
  }
}
