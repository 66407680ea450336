import { DestinationTakenError, ObjectExistsError, ObjectNotFoundError } from '../errors.ts';
import type { Location } from '../stores/ports.ts';
import { layout } from './layout.ts';
import { type Claim, encode, formatVersion, readRecord } from './records.ts';
import type { JobContext } from './state.ts';

/**
 * A job holds the name of each of its files before it can decide anything, so that no two jobs pass their commit points
 * with one name between them. Attempts of one task share the claim.
 *
 *     claim (create-only) -> nothing stands at the name? -> may be offered
 *
 * A claim is released after the object stands, so one of the two looks always sees the other job.
 * @throws DestinationTakenError
 */
export async function claimName(job: JobContext, task: string, destination: Location): Promise<void> {
  const { store } = job.output;
  const claim: Claim = { formatVersion, run: job.runId, task };
  let created = true;
  try {
    await store.write(layout.claim(job.output.destination, destination), encode(claim));
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    created = false;
    await refuseForeignClaim(job, task, destination);
  }
  if ((await store.head(destination)) === undefined) return;
  if (created) await releaseName(job, destination);
  throw taken(destination, 'an object that stands there');
}

/** A look before the bytes go up; `claimName` decides. @throws DestinationTakenError */
export async function refuseForeignClaim(
  job: JobContext,
  task: string,
  destination: Location,
): Promise<void> {
  const held = await claimOf(job, destination);
  if (held === undefined || (held.run === job.runId && held.task === task)) return;
  throw taken(
    destination,
    held.run === job.runId ? `task ${held.task} of this run` : `run ${held.run}, which has not ended`,
  );
}

/** Gives the name back if this run holds it. */
export async function releaseName(job: JobContext, destination: Location): Promise<void> {
  const held = await claimOf(job, destination);
  if (held?.run === job.runId)
    await job.output.store.delete(layout.claim(job.output.destination, destination));
}

async function claimOf(job: JobContext, destination: Location): Promise<Claim | undefined> {
  try {
    return await readRecord<Claim>(job.output.store, layout.claim(job.output.destination, destination));
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}

function taken(destination: Location, holder: string): DestinationTakenError {
  return new DestinationTakenError(`${destination} is taken by ${holder}`, {
    details: { destination, holder },
    safe: 'what stands there, and the other job, were not touched',
    next: 'write to another name, or end the other run first',
  });
}
