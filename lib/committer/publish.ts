import { DestinationTakenError, IntegrityError, ObjectExistsError, ObjectNotFoundError } from '../errors.ts';
import { ahead } from '../run/ahead.ts';
import type { Location } from '../stores/ports.ts';
import { cleanJob } from './clean.ts';
import { layout } from './layout.ts';
import { type Counted, encodeLines, readItems, readTotals, type Totals } from './lines.ts';
import { digestOf, type PendingRecord, parse, readRecord, type TaskFile, type TaskSet } from './records.ts';
import { closed, decisionOf, type JobContext } from './state.ts';
import type { CommittedJob } from './types.ts';

/** A line of the job pendingset. */
export interface OfferedTask extends Counted {
  /** The attempt whose files these are. */
  readonly by: string;
  readonly set: Location;
  readonly digest: string;
}

/** A line of the commit record; a task without files has one without a file. */
export interface CommittedLine extends Counted {
  readonly by: string;
  readonly file?: { readonly destination: Location; readonly sizeBytes: number; readonly sha256: string };
}

interface Author {
  readonly attempt: number;
  readonly epoch: number;
}

/**
 * Writes the job pendingset. **This is the commit point**: from here on every file will get its name, and nothing of the
 * job may be aborted. An abort writes the same object, so exactly one of the two happens.
 * @throws IntegrityError a task has not committed; nothing was decided
 * @throws JobClosedError the job was aborted
 */
export async function decideCommit(
  job: JobContext,
  author: Author,
  tasks: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const { store, clock } = job.output;
  const offers = ahead(namesOf(tasks), job.parallel, (task) => offerOf(job, task));
  const header = { run: job.runId, outcome: 'commit' as const, ...author, atMs: clock.now() };
  try {
    await store.write(layout.decision(job.folder), encodeLines(header, offers));
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    const standing = await decisionOf(job);
    if (standing?.outcome === 'abort') throw closed(job, 'aborted', 'it cannot be committed');
  }
}

/** Writes the mark that the job will never be committed. @throws JobClosedError its pendingset stands */
export async function decideAbort(job: JobContext, author: Author): Promise<void> {
  const { store, clock } = job.output;
  const header = { run: job.runId, outcome: 'abort' as const, ...author, atMs: clock.now() };
  try {
    await store.write(layout.decision(job.folder), encodeLines(header, none()));
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    const standing = await decisionOf(job);
    if (standing?.outcome === 'commit') throw closed(job, 'committing', 'it cannot be aborted');
  }
  if ((await store.head(job.committed)) !== undefined) throw closed(job, 'committed', 'it cannot be aborted');
}

/**
 * Gives every file of the job pendingset its name, then writes the commit record, then removes the job's records. May be
 * done again from any point, also by two at once.
 * @throws DestinationTakenError, PendingWriteLostError what the protocol rules out was done from outside
 */
export async function finishCommit(
  job: JobContext,
): Promise<{ readonly committed: CommittedJob; readonly totals: Totals }> {
  const { store } = job.output;
  let totals: Totals | undefined;
  if ((await store.head(job.committed)) === undefined) {
    try {
      const decision = await decisionOf(job);
      if (decision === undefined) throw new IntegrityError(`run ${job.runId} has no job pendingset`);
      const { formatVersion: _, ...header } = decision;
      let counted: Totals | undefined;
      const lines = encodeLines(header, completed(job), (all) => {
        counted = all;
      });
      await store.write(job.committed, lines);
      totals = counted;
    } catch (error) {
      // Another one may have finished it, and removed the records under us.
      const standing = await store.head(job.committed).catch(() => undefined);
      if (standing === undefined) throw error;
    }
  }
  const already = totals === undefined;
  totals ??= await readTotals(store, job.committed);
  const cleaned = await cleanJob(job, 'committed').then(
    () => true,
    () => false,
  );
  const { tasks, files, bytes } = totals;
  const { runId, committed: record } = job;
  return { committed: { runId, tasks, files, bytes, record, already, cleaned }, totals };
}

interface FileToComplete {
  readonly task: string;
  readonly by: string;
  readonly file: TaskFile | undefined;
}

async function* completed(job: JobContext): AsyncGenerator<CommittedLine> {
  yield* ahead(filesOf(job), job.parallel, async ({ task, by, file }): Promise<CommittedLine> => {
    if (file === undefined) return { task, by, files: 0, bytes: 0 };
    const record = await readRecord<PendingRecord>(job.output.store, file.record, file.digest);
    await job.output.pending.complete(record.file).catch((cause: unknown) => {
      if (!(cause instanceof ObjectExistsError)) throw cause;
      const { destination } = record.file;
      throw new DestinationTakenError(`${destination} was written by others after run ${job.runId} had it`, {
        cause,
        details: { destination, holder: 'an object that stands there' },
        safe: 'the file of the run is kept until that object is gone',
        next: `move ${destination} away, then partwise resume ${job.runId}`,
      });
    });
    const { destination, sizeBytes, sha256 } = record.file;
    return { task, by, files: 1, bytes: sizeBytes, file: { destination, sizeBytes, sha256 } };
  });
}

async function* filesOf(job: JobContext): AsyncGenerator<FileToComplete> {
  const { store } = job.output;
  const offers = readItems<OfferedTask>(store, layout.decision(job.folder));
  const sets = ahead(offers, job.parallel, async (offer) => ({
    offer,
    set: await readRecord<TaskSet>(store, offer.set, offer.digest),
  }));
  for await (const { offer, set } of sets) {
    const { task, by } = offer;
    if (set.files.length === 0) yield { task, by, file: undefined };
    for (const file of set.files) yield { task, by, file };
  }
}

async function offerOf(job: JobContext, task: string): Promise<OfferedTask> {
  const location = layout.task(job.folder, task);
  const bytes = await job.output.store.read(location).catch((cause: unknown) => {
    if (!(cause instanceof ObjectNotFoundError)) throw cause;
    throw new IntegrityError(`task ${task} of run ${job.runId} has not committed its files`, {
      cause,
      details: { task },
      safe: 'nothing was made visible',
      next: `partwise resume ${job.runId}`,
    });
  });
  const set = parse<TaskSet>(location, new TextDecoder().decode(bytes));
  return {
    task,
    by: set.attemptId,
    set: location,
    digest: digestOf(bytes),
    files: set.files.length,
    bytes: set.files.reduce((sum, one) => sum + one.sizeBytes, 0),
  };
}

async function* namesOf(tasks: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  yield* tasks;
}

async function* none(): AsyncGenerator<never> {}
