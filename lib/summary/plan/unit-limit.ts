import { parseByteSize } from '../../config/sizes.ts';
import type { SummaryContext } from '../types.ts';

/** Smaller units than this cost more to start than they save. */
const leastUnitBytes = 8e6;
/** Units per worker that even out their different lengths. */
const unitsPerWorker = 2;

/** Bytes of a unit, for so many bytes in all. */
export function unitLimit(
  { config, world }: Pick<SummaryContext, 'config' | 'world'>,
  total: number,
): number {
  const workers = config.work.threads ?? world.resources.threads;
  return Math.min(
    parseByteSize(config.work.unitBytes),
    Math.max(leastUnitBytes, total / (workers * unitsPerWorker)),
  );
}
