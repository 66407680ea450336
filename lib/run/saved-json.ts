import { CorruptStateError } from '../errors.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';

/** JSON that a run wrote for itself. @throws CorruptStateError when it is none any more @throws ObjectNotFoundError */
export async function readSavedJson<T>(store: ObjectStore, location: Location, runId: string): Promise<T> {
  const text = new TextDecoder().decode(await store.read(location));
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new CorruptStateError(`${location} is damaged: it is not the JSON that was written`, {
      cause,
      details: { location },
      safe: 'the tables are untouched; the files of the run can be given back',
      next: `partwise cancel ${runId}`,
    });
  }
}
