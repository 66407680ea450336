import { opendir, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { feedPrefix, sourcePrefix } from '../config/index.ts';
import type { PipelineConfig } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import { fileLocation } from '../stores/location.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { contentVersion } from './sources/version.ts';
import { isUnfinishedName } from './unfinished-name.ts';
import type { World } from './workload.ts';

interface IntakeOptions {
  readonly world: World;
  readonly config: PipelineConfig;
  /** The folder that holds one folder per feed. */
  readonly stagingPath: string;
  /** Files and folders named by a person, besides the staging folder. */
  readonly paths?: readonly string[];
}

export interface Arrivals {
  readonly seen: number;
  readonly recorded: number;
  /** Known files that an unfinished run holds, or that were applied to another branch only. */
  readonly held: readonly { readonly path: string; readonly runId: string; readonly branch: string }[];
  /** Files that were left alone, with the reason. */
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
}

/** Records every file version in the staging folders and under the given paths that was not seen before. */
export async function intakeFiles(options: IntakeOptions): Promise<Arrivals> {
  const { world, config } = options;
  const ignored: { path: string; reason: string }[] = [];
  let seen = 0;
  let recorded = 0;
  const held: { path: string; runId: string; branch: string }[] = [];
  const take = async (feed: string, path: string, named: boolean): Promise<void> => {
    seen += 1;
    const known = await recordFile(world, config.pipeline, feed, path);
    if (known === undefined) recorded += 1;
    else if (named) {
      const run = known.runId === undefined ? undefined : await world.state.runs.get(known.runId);
      if (run === undefined) return;
      if (known.status === 'claimed' || (known.status === 'done' && run.branch !== 'main')) {
        held.push({ path, runId: run.runId, branch: run.branch });
      }
    }
  };
  const feeds: readonly (readonly [string, string | undefined])[] = [
    ['records', sourcePrefix(config)],
    ['deletions', config.deletions === undefined ? undefined : feedPrefix(config)],
  ];
  for (const [feed, prefix] of feeds) {
    if (prefix === undefined) continue;
    const folder = resolve(options.stagingPath, prefix);
    for await (const path of files(folder, ignored)) await take(feed, path, false);
  }
  for (const path of options.paths ?? []) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new UsageError(`${path} cannot be read`, { cause, safe: 'nothing was changed' });
    });
    if (info.isDirectory())
      for await (const file of files(resolve(path), ignored)) await take('records', file, true);
    else await take('records', await realpath(path), true);
  }
  return { seen, recorded, held, ignored };
}

/**
 * Records the file's version; gives the item back when it is known already. The version is the content; the change
 * time orders versions of one path and spares reading what is known.
 */
async function recordFile(
  world: World,
  pipeline: string,
  feed: string,
  path: string,
): Promise<IntakeItem | undefined> {
  const location = fileLocation(path);
  const info = await stat(path, { bigint: true });
  const sequencer = info.ctimeNs.toString(16).padStart(16, '0');
  const known = await world.state.intake.versions(pipeline, location);
  const same = known.find((item) => item.sequencer === sequencer && item.sizeBytes === Number(info.size));
  if (same !== undefined) return same;
  const version = await contentVersion(path);
  const recorded = await world.state.intake.record({
    pipeline,
    feed,
    location,
    version,
    sizeBytes: Number(info.size),
    sequencer,
    arrivedMs: world.clock.now(),
  });
  return recorded ? undefined : known.find((item) => item.version === version);
}

/** Regular files below a folder, in no order. Names that start with . or _ or end in .tmp or .partial are still being written. */
async function* files(folder: string, ignored: { path: string; reason: string }[]): AsyncIterable<string> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined) return;
  for await (const entry of await opendir(root, { recursive: true })) {
    const path = `${entry.parentPath}/${entry.name}`;
    if (entry.isDirectory()) continue;
    if (isUnfinishedName(path.slice(root.length + 1))) {
      ignored.push({ path, reason: 'the name says that it is not finished or hidden' });
    } else if (entry.isSymbolicLink()) {
      const target = await realpath(path).catch(() => undefined);
      if (target?.startsWith(`${root}/`) === true) yield target;
      else ignored.push({ path, reason: 'a symbolic link that leaves the staging folder' });
    } else if (entry.isFile()) yield path;
    else ignored.push({ path, reason: 'not a regular file' });
  }
}
