import { ObjectNotFoundError } from '../errors.ts';
import type { Location } from '../stores/ports.ts';
import { releaseName } from './claims.ts';
import { layout } from './layout.ts';
import { forEachAhead } from './lines.ts';
import { type PendingRecord, readRecord } from './records.ts';
import type { JobContext } from './state.ts';

/**
 * Removes what a decided job leaves: uploads that will not be completed (the completed ones have none), claims, records.
 * Each record goes after what it names, so that a clean-up that breaks off can be done again. After an abort the mark
 * stays for `forget`, against tasks that come late; after a commit the commit record is mark enough.
 */
export async function cleanJob(job: JobContext, outcome: 'committed' | 'aborted'): Promise<void> {
  const { store, pending } = job.output;
  const remove = ({ location }: { readonly location: Location }) => store.delete(location);
  await forEachAhead(store.list(`${layout.files(job.folder)}/`), job.parallel, async (found) => {
    const record = await readRecord<PendingRecord>(store, found.location).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) return undefined;
      throw error;
    });
    if (record === undefined) return;
    await pending.abort(record.file);
    await releaseName(job, record.file.destination);
    await remove(found);
  });
  await forEachAhead(store.list(`${layout.tasks(job.folder)}/`), job.parallel, remove);
  if (outcome === 'committed') await forget(job);
}

/** The last records of a job that was cleaned; the decision goes last. */
export async function forget(job: JobContext): Promise<void> {
  const { store } = job.output;
  for await (const { location } of store.list(`${layout.epochs(job.folder)}/`)) await store.delete(location);
  await store.delete(layout.decision(job.folder));
}
