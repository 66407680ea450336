import { type Job, openJob, readCommitted } from '../../committer/index.ts';
import type { Location } from '../../stores/ports.ts';
import type { RollupContext } from '../types.ts';
import { batchFolder, deadLettersFolder } from './folder.ts';

/**
 * State and dead letters are plain files: units upload them, the audit or publish, whichever is first, gives them their names. A unit's files have the same
 * names in every attempt, and of two attempts those of one are published, whole.
 */

/** The job of the batch's state files. */
export function stateJob(context: RollupContext): Promise<Job> {
  return openJob({ ...outputOf(context), destination: batchFolder(context) });
}

/** The job of the batch's dead letters; of the units that have any. */
export function deadLettersJob(context: RollupContext): Promise<Job> {
  return openJob({ ...outputOf(context), destination: deadLettersFolder(context) });
}

function outputOf({ world, runId, attempt, epoch }: RollupContext) {
  return { store: world.warehouse, pending: world.pending, clock: world.clock, runId, attempt, epoch };
}

/** Sizes of the batch's state files, by location, as they were published. */
export async function committedSizes(context: RollupContext): Promise<ReadonlyMap<Location, number>> {
  const sizes = new Map<Location, number>();
  const files = readCommitted({
    store: context.world.warehouse,
    destination: batchFolder(context),
    runId: context.runId,
  });
  for await (const { destination, sizeBytes } of files) sizes.set(destination, sizeBytes);
  return sizes;
}
