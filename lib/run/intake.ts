import { opendir, realpath, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { feedPrefix, sourcePrefix } from '../config/index.ts';
import type { PipelineConfig } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import { fileLocation } from '../stores/location.ts';
import { contentVersion } from './sources/version.ts';
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
  /** Files that were left alone, with the reason. */
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
}

/** Records every file version in the staging folders and under the given paths that was not seen before. */
export async function intakeFiles(options: IntakeOptions): Promise<Arrivals> {
  const { world, config } = options;
  const ignored: { path: string; reason: string }[] = [];
  let seen = 0;
  let recorded = 0;
  const take = async (feed: string, path: string): Promise<void> => {
    seen += 1;
    if (await recordFile(world, config.pipeline, feed, path)) recorded += 1;
  };
  const feeds: readonly (readonly [string, string | undefined])[] = [
    ['records', sourcePrefix(config)],
    ['deletions', config.deletions === undefined ? undefined : feedPrefix(config)],
  ];
  for (const [feed, prefix] of feeds) {
    if (prefix === undefined) continue;
    const folder = resolve(options.stagingPath, prefix);
    for await (const path of files(folder, ignored)) await take(feed, path);
  }
  for (const path of options.paths ?? []) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new UsageError(`${path} cannot be read`, { cause, safe: 'nothing was changed' });
    });
    if (info.isDirectory())
      for await (const file of files(resolve(path), ignored)) await take('records', file);
    else await take('records', await realpath(path));
  }
  return { seen, recorded, ignored };
}

/** The version is the content; the change time orders versions of one path and spares reading what is known. */
async function recordFile(world: World, pipeline: string, feed: string, path: string): Promise<boolean> {
  const location = fileLocation(path);
  const info = await stat(path, { bigint: true });
  const sequencer = info.ctimeNs.toString(16).padStart(16, '0');
  const known = await world.state.intake.versions(pipeline, location);
  if (known.some((item) => item.sequencer === sequencer && item.sizeBytes === Number(info.size)))
    return false;
  return world.state.intake.record({
    pipeline,
    feed,
    location,
    version: await contentVersion(path),
    sizeBytes: Number(info.size),
    sequencer,
    arrivedMs: world.clock.now(),
  });
}

/** Regular files below a folder, in no order. Names that start with . or _ or end in .tmp or .partial are still being written. */
async function* files(folder: string, ignored: { path: string; reason: string }[]): AsyncIterable<string> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined) return;
  for await (const entry of await opendir(root, { recursive: true })) {
    const path = `${entry.parentPath}/${entry.name}`;
    if (entry.isDirectory()) continue;
    if (/^[._]|\.(tmp|partial)$/.test(basename(path)) || /\/[._][^/]*\//.test(path.slice(root.length))) {
      ignored.push({ path, reason: 'the name says that it is not finished or hidden' });
    } else if (entry.isSymbolicLink()) {
      const target = await realpath(path).catch(() => undefined);
      if (target?.startsWith(`${root}/`) === true) yield target;
      else ignored.push({ path, reason: 'a symbolic link that leaves the staging folder' });
    } else if (entry.isFile()) yield path;
    else ignored.push({ path, reason: 'not a regular file' });
  }
}
