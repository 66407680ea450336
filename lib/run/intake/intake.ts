import { opendir, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { feedPrefix, sourcePrefix } from '../../config/index.ts';
import type { PipelineConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import { fileLocation } from '../../stores/location.ts';
import type { IntakeItem } from '../../stores/ports.ts';
import { isAppliedTo, reopen, settleReached } from '../publish/branches.ts';
import { contentVersion } from '../sources/version.ts';
import type { World } from '../workload.ts';
import { isUnfinishedName } from './unfinished-name.ts';

interface IntakeOptions {
  readonly world: World;
  readonly config: PipelineConfig;
  /** The folder that holds one folder per feed. */
  readonly stagingPath: string;
  /**
   * Files and folders of records named by a person, besides the staging folder. What lies in the staging folder of the
   * deletions feed is of that feed all the same.
   */
  readonly paths?: readonly string[];
  /** Files and folders of the deletions feed named by a person. */
  readonly deletions?: readonly string[];
  /** The branch that the run will publish to. */
  readonly branch: string;
  /** Takes named files in again that an earlier run refused, or that are applied to another branch only. */
  readonly again: boolean;
  /** When new files count as having arrived; default now. */
  readonly arrivedMs?: number;
}

/** A named file that is known already, and the run that had it. */
export interface KnownFile {
  readonly path: string;
  readonly runId: string;
  readonly branch: string;
  /** `claimed`: the run has not ended. `branch`: applied to the run's branch only. `refused`: quarantined as a whole. */
  readonly why: 'claimed' | 'branch' | 'refused';
  /** The run is a saved plan that nobody has begun. */
  readonly isPlanned?: true;
}

export interface Arrivals {
  readonly seen: number;
  /** Files that wait for the run now: new ones, and those of `again`. */
  readonly recorded: number;
  /** Known files that were left alone. */
  readonly held: readonly KnownFile[];
  /** Known files that were taken in again. */
  readonly again: readonly KnownFile[];
  /** Files that were left alone, with the reason. */
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Records every file version in the staging folders and under the given paths that was not seen before. Which folder a
 * file lies in, or how it was named, says which feed it is of.
 * @throws UsageError for a path that cannot be read, for files of a feed that the pipeline does not have, and for a
 * named file that was taken in as one of the other feed before
 */
export async function intakeFiles(options: IntakeOptions): Promise<Arrivals> {
  const { world, config } = options;
  const ignored: { path: string; reason: string }[] = [];
  let seen = 0;
  let recorded = 0;
  const held: KnownFile[] = [];
  const again: KnownFile[] = [];
  await settleReached(world, config.pipeline);
  const take = async (feed: string, path: string, named: boolean): Promise<void> => {
    seen += 1;
    const item = await recordFile(world, config.pipeline, feed, path, options.arrivedMs);
    if (item === undefined) recorded += 1;
    if (item === undefined || !named) return;
    if (item.feed !== feed) throw otherFeed(path, item.feed);
    const known = await knownFile(world, item, path, options.branch);
    if (known === undefined) return;
    if (known.why === 'claimed' || !options.again) {
      held.push(known);
      return;
    }
    await reopen(world, item);
    recorded += 1;
    again.push(known);
  };
  const feeds: readonly (readonly [string, string | undefined])[] = [
    ['records', sourcePrefix(config)],
    ['deletions', feedPrefix(config)],
  ];
  for (const [feed, prefix] of feeds) {
    if (prefix === undefined) continue;
    const folder = resolve(options.stagingPath, prefix);
    for await (const path of files(folder, ignored)) await take(feed, path, false);
  }
  const fed = feedPrefix(config);
  const fedFolder =
    fed === undefined ? undefined : await realpath(resolve(options.stagingPath, fed)).catch(() => undefined);
  if (fed === undefined && (options.deletions ?? []).length > 0) {
    throw new UsageError(`pipeline ${config.pipeline} has no deletions feed`, {
      safe: 'no table was touched',
    });
  }
  const deletions = new Set<string>();
  for (const path of options.deletions ?? [])
    for await (const file of namedFiles(path, ignored)) deletions.add(file);
  for (const file of deletions) await take('deletions', file, true);
  for (const path of options.paths ?? []) {
    for await (const file of namedFiles(path, ignored)) {
      if (deletions.has(file)) continue;
      const isFeed = fedFolder !== undefined && file.startsWith(`${fedFolder}/`);
      await take(isFeed ? 'deletions' : 'records', file, true);
    }
  }
  return { seen, recorded, held, again, ignored };
}

/** Why a known item is not applied to the branch; undefined when it is, or waits already. */
export async function knownFile(
  world: World,
  item: IntakeItem,
  path: string,
  branch: string,
): Promise<KnownFile | undefined> {
  const run = item.runId === undefined ? undefined : await world.state.runs.get(item.runId);
  if (run === undefined) return undefined;
  const file = { path, runId: run.runId, branch: run.branch };
  if (item.status === 'claimed')
    return { ...file, why: 'claimed', ...(run.status === 'planned' ? { isPlanned: true } : {}) };
  if (item.status === 'quarantined') return { ...file, why: 'refused' };
  return item.status === 'done' && !isAppliedTo(run, branch) ? { ...file, why: 'branch' } : undefined;
}

/** The file, or the files below the folder. @throws UsageError when the path cannot be read */
export async function* namedFiles(
  path: string,
  ignored: { path: string; reason: string }[],
): AsyncIterable<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new UsageError(`${path} cannot be read`, { cause, safe: 'nothing was changed' });
  });
  if (info.isDirectory()) yield* files(resolve(path), ignored);
  else yield await realpath(path);
}

function otherFeed(path: string, feed: string): UsageError {
  return new UsageError(`${path} was taken in as a file of the feed ${feed} before`, {
    safe: 'no table was touched',
    next: 'name a copy of the file, which counts as new',
  });
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
  arrivedMs = world.clock.now(),
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
    arrivedMs,
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
