import type { RollupConfig } from '../../config/schema.ts';
import { publishedBatches } from '../../run/intake/batches.ts';
import type { World } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { allDeadLetters, batchFolderName } from '../state/folder.ts';
import type { RollupState } from '../state/state.ts';

/** A file of dead letters of a published batch. */
export interface LetterFile {
  readonly batch: number;
  readonly location: Location;
  readonly sizeBytes: number;
}

/**
 * Dead letters of the batches [from, to] of main that no repair has taken yet, in the order of the batches. Those of
 * runs that published nothing, or whose batch a replay has published again, do not count.
 */
export async function waitingLetters(
  world: World,
  config: RollupConfig,
  state: Pick<RollupState, 'repairs'>,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly LetterFile[]> {
  const runs = await world.state.runs.list(config.pipeline, Number.MAX_SAFE_INTEGER);
  const generations = new Map(
    runs.map(({ runId, facts }) => [runId, Number(facts['planGeneration'] ?? 0)] as const),
  );
  const taken = (state.repairs ?? []).flatMap(({ late }) => late ?? []);
  const waiting = publishedBatches(runs, 'main')
    .filter(({ number }) => number >= from && number <= to)
    .filter(({ number }) => !taken.some((one) => number >= one.from && number <= one.to))
    .sort((a, b) => a.number - b.number);
  const files: LetterFile[] = [];
  for (const { number, runId } of waiting) {
    const name = batchFolderName(number, runId, generations.get(runId) ?? 0);
    const folder = joinLocation(allDeadLetters({ world, config }), name);
    const found: LetterFile[] = [];
    for await (const { location, sizeBytes } of world.warehouse.list(`${folder}/`))
      if (/\/[^./_][^/]*\.parquet$/.test(location)) found.push({ batch: number, location, sizeBytes });
    files.push(...found.sort((a, b) => (a.location < b.location ? -1 : 1)));
  }
  return files;
}
