import { realpath, stat } from 'node:fs/promises';
import type { RollupConfig } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import { intakeFiles } from '../run/intake/intake.ts';
import type { LocalWorld } from '../run/local/local-world.ts';
import { fileLocation } from '../stores/location.ts';
import type { IntakeItem } from '../stores/ports.ts';

interface NamedOptions {
  readonly world: LocalWorld;
  readonly config: RollupConfig;
  readonly branch: string;
  /** Absolute. */
  readonly paths: readonly string[];
  /** When new ones count as having arrived; default now. */
  readonly arrivedMs?: number;
}

/** The files of `--also`, taken in; they wait, or a run to the branch has begun them. @throws UsageError */
export async function namedFiles(
  options: NamedOptions,
): Promise<readonly Pick<IntakeItem, 'location' | 'version'>[]> {
  const { world, config, branch, arrivedMs } = options;
  const paths = await Promise.all(options.paths.map(fileAt));
  const shared = { world, config, stagingPath: world.stagingPath, branch, again: false };
  // What lies in the staging folder arrives now, as always; only then the named files, at a time of the caller's.
  await intakeFiles(shared);
  await intakeFiles({ ...shared, paths, ...(arrivedMs === undefined ? {} : { arrivedMs }) });
  const items: { location: string; version: string }[] = [];
  for (const path of paths) {
    const versions = await world.state.intake.versions(config.pipeline, fileLocation(path));
    const waiting = versions.find((item) => item.status === 'pending' || item.status === 'claimed');
    const mine = waiting?.runId === undefined ? undefined : await world.state.runs.get(waiting.runId);
    if (waiting === undefined || (mine !== undefined && mine.branch !== branch)) {
      const runId = versions.at(-1)?.runId;
      throw new UsageError(`${path} does not wait: run ${runId ?? 'none'} has it`, {
        safe: 'nothing was published',
        next: 'name a copy of the file, which counts as new',
      });
    }
    items.push({ location: waiting.location, version: waiting.version });
  }
  return items;
}

async function fileAt(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new UsageError(`${path} cannot be read`, { cause, safe: 'nothing was changed' });
  });
  if (!info.isFile())
    throw new UsageError(`--also needs files; ${path} is none`, { safe: 'nothing was changed' });
  return realpath(path);
}
