import { DestinationTakenError, IntegrityError, ObjectExistsError, ObjectNotFoundError } from '../errors.ts';
import type { Location, PendingFile } from '../stores/ports.ts';
import { claimName, refuseForeignClaim } from './claims.ts';
import { fileAt, layout } from './layout.ts';
import { readItems } from './lines.ts';
import type { OfferedTask } from './publish.ts';
import { digestOf, encode, formatVersion, type PendingRecord, readRecord, type TaskSet } from './records.ts';
import { closed, type JobContext, stateOf } from './state.ts';
import type { JobState, Task, TaskOutcome } from './types.ts';

interface TaskOptions {
  readonly job: JobContext;
  /** As it was when the job was opened. */
  readonly state: JobState;
  readonly name: string;
  readonly attempt: number;
  readonly attemptId: string;
}

interface Ready {
  readonly file: PendingFile;
  readonly record: Location;
  readonly digest: string;
}

/**
 * One attempt of one task. Timeline of a file: upload -> `.pending` record -> claim of its name. The record comes first, so
 * that whatever ends the job finds the claim; so records stay when an attempt drops its uploads.
 */
export function openTask({ job, state, name, attempt, attemptId }: TaskOptions): Task {
  const { store, pending, destination: root } = job.output;
  /** Every upload of this attempt that may still hold bytes. */
  const begun = new Map<string, PendingFile>();
  /** What can be offered: recorded, and the name is held. */
  const ready = new Map<Location, Ready>();
  let offered = false;

  async function dropAll(): Promise<void> {
    ready.clear();
    for (const [handle, file] of begun) {
      await pending.abort(file);
      begun.delete(handle);
    }
  }

  async function standingSet(): Promise<TaskSet | undefined> {
    try {
      return await readRecord<TaskSet>(store, layout.task(job.folder, name));
    } catch (error) {
      if (error instanceof ObjectNotFoundError) return undefined;
      throw error;
    }
  }

  /** The one conditional write that decides between attempts. Returns the set that stands. */
  async function offer(own: TaskSet): Promise<TaskSet> {
    offered = true;
    try {
      await store.write(layout.task(job.folder, name), encode(own));
    } catch (error) {
      if (!(error instanceof ObjectExistsError)) throw error;
      const standing = await standingSet();
      if (standing !== undefined && standing.attemptId !== attemptId) return standing;
      // It is ours, or the job has ended since.
      if (standing === undefined) await refuseLateOffer('ended');
    }
    await refuseLateOffer(await stateOf(job));
    return own;
  }

  /** After the job's decision an offer counts only if the decision names it. */
  async function refuseLateOffer(now: JobState | 'ended'): Promise<void> {
    if (now === 'open' || (now !== 'aborted' && (await isPublished(job, name, attemptId)))) return;
    await dropAll();
    throw closed(job, now === 'ended' ? 'aborted' : now, `task ${name} came too late`);
  }

  return {
    async write(fileName, source, options) {
      if (state !== 'open') throw closed(job, state, `task ${name} cannot write any more`);
      if (offered) throw new IntegrityError(`task ${name} writes ${fileName} after it has committed`);
      const destination = fileAt(root, fileName);
      if (ready.has(destination)) throw new IntegrityError(`task ${name} writes ${fileName} twice`);
      await refuseForeignClaim(job, name, destination);
      const file = await pending.write(destination, source, options);
      const bytes = encode({
        formatVersion,
        run: job.runId,
        task: name,
        attempt,
        file,
      } satisfies PendingRecord);
      const record = layout.file(job.folder, file.handle);
      begun.set(file.handle, file);
      await store.write(record, bytes);
      try {
        await claimName(job, name, destination);
      } catch (error) {
        if (error instanceof DestinationTakenError) await pending.abort(file).catch(() => undefined);
        throw error;
      }
      ready.set(destination, { file, record, digest: digestOf(bytes) });
      return { destination, sizeBytes: file.sizeBytes, sha256: file.sha256 };
    },

    async commit(): Promise<TaskOutcome> {
      const files = [...ready.values()].map(({ file, record, digest }) => ({
        destination: file.destination,
        sizeBytes: file.sizeBytes,
        record,
        digest,
      }));
      const standing = await offer({ formatVersion, run: job.runId, task: name, attempt, attemptId, files });
      const won = standing.attemptId === attemptId;
      if (!won) await dropAll();
      return {
        won,
        attempt: standing.attempt,
        files: standing.files.length,
        bytes: standing.files.reduce((sum, one) => sum + one.sizeBytes, 0),
      };
    },

    async abort() {
      // An offer whose answer was lost may still arrive, so its files stay until another offer stands or the job ends.
      if (offered) {
        const standing = await standingSet();
        if (standing === undefined || standing.attemptId === attemptId) return;
      }
      offered = true;
      await dropAll();
    },
  };
}

async function isPublished(job: JobContext, task: string, attemptId: string): Promise<boolean> {
  for (const location of [layout.decision(job.folder), job.committed]) {
    try {
      for await (const line of readItems<OfferedTask>(job.output.store, location))
        if (line.task === task) return line.by === attemptId;
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
    }
  }
  return false;
}
