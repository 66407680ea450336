import { ObjectNotFoundError } from '../errors.ts';
import { joinLocation } from '../stores/location.ts';
import type { BegunWrite, Location } from '../stores/ports.ts';
import { cleanJob, forget } from './clean.ts';
import { layout, runOf } from './layout.ts';
import { decideAbort, finishCommit } from './publish.ts';
import { type Claim, readRecord } from './records.ts';
import { type JobContext, jobContext, stateOf } from './state.ts';
import type { Output } from './types.ts';

export interface ReapOptions extends Output {
  /** Whether a run may still go on by itself or be resumed. Its job is left alone. */
  readonly isUnfinished: (runId: string) => Promise<boolean>;
  /** Longer than any task runs: what is younger may belong to one that is about to say so. */
  readonly graceMs: number;
}

export interface ReapReport {
  /** Runs whose job was decided and not finished. */
  readonly committed: readonly string[];
  /** Runs that had ended with nothing decided, or whose records were left. */
  readonly cleaned: readonly string[];
  readonly abortedUploads: number;
  readonly releasedClaims: number;
  /** What could not be done; the next time tries again. */
  readonly failures: readonly { readonly what: string; readonly error: unknown }[];
}

/**
 * Clears up at one destination after runs that have ended. Three looks: jobs, uploads that no record names (their task died
 * between the two), claims whose job is gone. A job that passed its commit point is completed, never aborted.
 */
export async function reapJobs(options: ReapOptions): Promise<ReapReport> {
  const limitMs = options.clock.now() - options.graceMs;
  const found = {
    committed: [] as string[],
    cleaned: [] as string[],
    failures: [] as ReapReport['failures'][number][],
  };
  const kept: JobContext[] = [];
  for (const [runId, newestMs] of await jobsAt(options)) {
    const job = jobContext(options, runId);
    if (newestMs > limitMs || (await options.isUnfinished(runId))) {
      kept.push(job);
      continue;
    }
    try {
      const done = await endJob(job);
      found[done].push(runId);
    } catch (error) {
      kept.push(job);
      found.failures.push({ what: `the job of run ${runId}`, error });
    }
  }
  let abortedUploads = 0;
  for await (const begun of options.pending.list(`${options.destination}/`)) {
    if (begun.begunMs > limitMs || (await isKept(options, kept, begun))) continue;
    await options.pending.abort(begun);
    abortedUploads += 1;
  }
  const releasedClaims = await releaseClaims(options, kept, limitMs);
  return { ...found, abortedUploads, releasedClaims };
}

/** The runs with records here, each with the time of its newest one. */
async function jobsAt({ store, destination }: Output): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  for await (const { location, modifiedMs } of store.list(`${layout.jobs(destination)}/`)) {
    const runId = runOf(destination, location);
    if (runId !== undefined) newest.set(runId, Math.max(modifiedMs, newest.get(runId) ?? 0));
  }
  return newest;
}

async function endJob(job: JobContext): Promise<'committed' | 'cleaned'> {
  const state = await stateOf(job);
  switch (state) {
    case 'committing':
      await finishCommit(job);
      return 'committed';
    case 'committed':
      await cleanJob(job, 'committed');
      return 'cleaned';
    case 'open':
      await decideAbort(job, { attempt: 0, epoch: Number.MAX_SAFE_INTEGER });
      await cleanJob(job, 'aborted');
      return 'cleaned';
    case 'aborted':
      await cleanJob(job, 'aborted');
      await forget(job);
      return 'cleaned';
  }
}

/** Named by the record of a job that goes on, or below or above another destination, whose reaper knows. */
async function isKept(
  { store, destination }: Output,
  kept: readonly JobContext[],
  begun: BegunWrite,
): Promise<boolean> {
  for (const { folder } of kept)
    if ((await store.head(layout.file(folder, begun.handle))) !== undefined) return true;
  for (const folder of foldersOf(store.root, begun.destination)) {
    if (folder === destination) continue;
    for await (const _ of store.list(`${layout.jobs(folder)}/`)) return true;
  }
  return false;
}

function foldersOf(root: Location, file: Location): readonly Location[] {
  const names = file
    .slice(root.length + 1)
    .split('/')
    .slice(0, -1);
  return [root, ...names.map((_, index) => joinLocation(root, ...names.slice(0, index + 1)))];
}

/** A claim outlives its job only when its write was answered late. */
async function releaseClaims(
  { store, destination, isUnfinished }: ReapOptions,
  kept: readonly JobContext[],
  limitMs: number,
): Promise<number> {
  let released = 0;
  for await (const { location, modifiedMs } of store.list(`${layout.claims(destination)}/`)) {
    if (modifiedMs > limitMs) continue;
    const claim = await readRecord<Claim>(store, location).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) return undefined;
      throw error;
    });
    if (claim === undefined || kept.some(({ runId }) => runId === claim.run)) continue;
    if (await isUnfinished(claim.run)) continue;
    await store.delete(location);
    released += 1;
  }
  return released;
}
