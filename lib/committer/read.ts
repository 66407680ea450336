import type { Location, ObjectStore } from '../stores/ports.ts';
import { layout } from './layout.ts';
import { readItems } from './lines.ts';
import type { CommittedLine } from './publish.ts';
import type { CommittedFile } from './types.ts';

/**
 * The files of a committed job, streamed: all of them have their names and their content.
 * @throws ObjectNotFoundError the job is not committed, or not yet
 * @throws CorruptStateError
 */
export async function* readCommitted(options: {
  readonly store: ObjectStore;
  readonly destination: Location;
  readonly runId: string;
}): AsyncGenerator<CommittedFile> {
  const record = layout.committed(options.destination, options.runId);
  for await (const { task, file } of readItems<CommittedLine>(options.store, record))
    if (file !== undefined) yield { task, ...file };
}
