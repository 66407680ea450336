import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { feedPrefix, sourcePrefix } from '../../config/index.ts';
import { ConfigError, RunCancelledError, UsageError } from '../../errors.ts';
import { bytes } from '../../report/format.ts';
import { type Arrivals, type KnownFile, knownFile, namedFiles } from '../../run/intake/intake.ts';
import { isUnfinishedName } from '../../run/intake/unfinished-name.ts';
import { reopen } from '../../run/publish/branches.ts';
import { joinLocation } from '../../stores/location.ts';
import { sequencerOfTime } from '../../stores/sequencer.ts';
import { takeIn } from '../../triggers/take-in.ts';
import type { CommandContext } from '../command.ts';
import { inputPaths } from '../input-paths.ts';
import type { AwsSession } from './session.ts';
import { uploadOnce } from './upload.ts';

/** A file of this machine and the folder of its feed. */
interface Named {
  readonly path: string;
  readonly prefix: string;
}

/**
 * Brings the named files into the staging bucket and records them, as the event of their arrival does too: whichever
 * comes second finds them known. `arrivedMs`: when they count as having arrived, default now. undefined when no file was named: then a run takes what waits.
 * @throws UsageError for a path that cannot be read or a feed that the pipeline does not have
 * @throws ConfigError when the pipeline file is not the deployed one: the files could be meant otherwise
 */
export async function arriveOnAws(
  context: CommandContext,
  session: AwsSession,
  branch: string,
  arrivedMs?: number,
): Promise<Arrivals | undefined> {
  const ignored: { path: string; reason: string }[] = [];
  const files = await namedByFeed(context, session, ignored);
  if (files === undefined) return undefined;
  let recorded = 0;
  const held: KnownFile[] = [];
  const again: KnownFile[] = [];
  for (const file of files) {
    const known = await take(context, session, file, branch, arrivedMs);
    if (known === 'recorded') recorded += 1;
    else if (known?.why === 'claimed') held.push(known);
    else if (known !== undefined) {
      recorded += 1;
      again.push(known);
    }
  }
  return { seen: files.length, recorded, held, again, ignored };
}

async function namedByFeed(
  context: CommandContext,
  { config, isSameConfig }: AwsSession,
  ignored: { path: string; reason: string }[],
): Promise<readonly Named[] | undefined> {
  const { paths, deletions } = inputPaths(context);
  if (paths.length + deletions.length === 0) return undefined;
  const safe = 'nothing was uploaded';
  if (!isSameConfig)
    throw new ConfigError(`the file of pipeline ${config.pipeline} here is not the one that is deployed`, {
      safe,
      next: 'npx cdk deploy --all, or check out what is deployed',
    });
  const feed = feedPrefix(config);
  if (feed === undefined && deletions.length > 0)
    throw new UsageError(`pipeline ${config.pipeline} has no deletions feed`, { safe });
  if (config.source.table !== undefined && paths.length > 0)
    throw new UsageError(
      `the records of ${config.pipeline} are what is appended to ${config.source.table}, not files`,
      { safe, next: 'partwise run' },
    );
  const found: Named[] = [];
  const find = async (given: readonly string[], prefix: string) => {
    for (const path of given) {
      for await (const file of namedFiles(path, ignored)) {
        if (isUnfinishedName(basename(file)))
          ignored.push({ path: file, reason: 'the name says that it is not finished or hidden' });
        else if (!found.some((one) => one.path === file)) found.push({ path: file, prefix });
      }
    }
  };
  if (feed !== undefined) await find(deletions, feed);
  await find(paths, sourcePrefix(config));
  return found;
}

/** `recorded`, or why the file is known and not applied; undefined when it is applied, or waits already. */
async function take(
  context: CommandContext,
  session: AwsSession,
  { path, prefix }: Named,
  branch: string,
  arrivedMs: number | undefined,
): Promise<'recorded' | KnownFile | undefined> {
  if (context.environment.signal.aborted)
    throw new RunCancelledError('stopped before a run was begun', {
      safe: 'what was uploaded waits for the next run',
      next: 'partwise run',
    });
  const { world, config, deployment, listing } = session;
  context.output.note(`  upload ${basename(path)}, ${bytes((await stat(path)).size)}`);
  const key = await uploadOnce({
    store: world.staging,
    prefix,
    name: basename(path),
    read: () => createReadStream(path, { highWaterMark: 1 << 20 }),
  });
  const stagingRoot = world.staging.root;
  for await (const { etag, sizeBytes, modifiedMs, ...listed } of listing.list(key)) {
    if (listed.key !== key) continue;
    const sequencer = sequencerOfTime(modifiedMs);
    const { intake } = world.state;
    const clock = arrivedMs === undefined ? world.clock : { now: () => arrivedMs };
    const arrival = { config, intake, clock, stagingBucket: deployment.staging, stagingRoot };
    const taken = await takeIn(arrival, { bucket: deployment.staging, key, etag, sizeBytes, sequencer });
    if (taken === 'recorded') return taken;
    const versions = await intake.versions(config.pipeline, joinLocation(stagingRoot, key));
    const item = versions.find(({ version }) => version === etag);
    const known = item === undefined ? undefined : await knownFile(world, item, path, branch);
    if (item !== undefined && known !== undefined && known.why !== 'claimed') await reopen(world, item);
    return known;
  }
  throw new UsageError(`${key} is gone from the staging bucket again`, {
    safe: 'no run was started',
    next: 'the same again',
  });
}
