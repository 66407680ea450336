import { reapJobs } from '../../committer/index.ts';
import type { RollupConfig } from '../../config/schema.ts';
import { parseDurationMs } from '../../config/sizes.ts';
import { plural } from '../../report/format.ts';
import type { World } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import { resumableRuns } from '../../upkeep/pins.ts';
import { allDeadLetters, stateFolder } from './folder.ts';

/** Gives up what dead runs have begun to write of states and dead letters; finishes what they had decided. */
export async function reapUploads(
  world: World,
  config: RollupConfig,
  publishedRunId: string | undefined,
): Promise<readonly string[]> {
  const { warehouse: store, pending, clock } = world;
  const runs = await resumableRuns(world, {
    horizonMs: parseDurationMs(config.resumeHorizon),
    ...(publishedRunId === undefined ? {} : { except: publishedRunId }),
  });
  const unfinished = new Set(runs.map(({ runId }) => runId));
  const lines: string[] = [];
  const cleared = { runs: new Set<string>(), uploads: 0 };
  for (const destination of await destinations(world, config)) {
    const { cleaned, committed, abortedUploads, failures } = await reapJobs({
      store,
      pending,
      clock,
      destination,
      graceMs: parseDurationMs(config.maintenance.graceForOrphans),
      isUnfinished: async (runId) => unfinished.has(runId),
    });
    for (const runId of [...cleaned, ...committed]) cleared.runs.add(runId);
    cleared.uploads += abortedUploads;
    for (const { what, error } of failures) lines.push(`${destination}: ${what} stays: ${String(error)}`);
  }
  const { runs: ended, uploads } = cleared;
  if (ended.size + uploads === 0) return lines;
  return [
    `${config.pipeline}: cleared up after ${plural(ended.size, 'run')} and ${plural(uploads, 'upload')} of none`,
    ...lines,
  ];
}

/** Folders of batches in which a job has left records. */
async function destinations(world: World, config: RollupConfig): Promise<ReadonlySet<Location>> {
  const found = new Set<Location>();
  for (const folder of [stateFolder({ world, config }), allDeadLetters({ world, config })]) {
    for await (const { location } of world.warehouse.list(`${folder}/`)) {
      const destination = /^(.*\/g\d+)\/\.pending\//.exec(location)?.[1];
      if (destination !== undefined) found.add(destination);
    }
  }
  return found;
}
