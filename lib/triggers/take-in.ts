import { feedPrefix, type PipelineConfig, sourcePrefix } from '../config/index.ts';
import { WrongBucketError } from '../errors.ts';
import { isUnfinishedName } from '../run/intake/unfinished-name.ts';
import { joinLocation } from '../stores/location.ts';
import type { Clock, IntakeStore, Location } from '../stores/ports.ts';
import type { ArrivedObject } from './messages.ts';

export interface TakeInOptions {
  readonly config: PipelineConfig;
  readonly intake: IntakeStore;
  readonly clock: Clock;
  readonly stagingBucket: string;
  /** Where the bucket's objects are for the run: `s3://` and its name, or a folder that stands for it. */
  readonly stagingRoot: Location;
  /** The object is of a snapshot of the staging table. */
  readonly isStaged?: boolean;
}

/** `known`: this version was recorded before, by another event or a list. */
export type TakenIn = 'recorded' | 'known' | { readonly ignored: string };

/**
 * Records that an object version arrived. Recording is all that an event does: the same event a thousand times, or a
 * week later, changes nothing, and the sequencer alone says which version of a key is newer.
 *
 * @throws WrongBucketError
 */
export async function takeIn(options: TakeInOptions, object: ArrivedObject): Promise<TakenIn> {
  const { config, intake, clock, stagingBucket } = options;
  if (object.bucket !== stagingBucket) {
    throw new WrongBucketError(
      `the event is about bucket ${object.bucket}; the staging bucket is ${stagingBucket}`,
      {
        details: { bucket: object.bucket, key: object.key },
        safe: 'nothing was recorded; the message goes to the dead-letter queue',
        next: 'remove the rule or notification that sends it here',
      },
    );
  }
  const feed = feedOf(config, object.key);
  if (feed?.name === 'records' && config.source.table !== undefined && options.isStaged !== true)
    return { ignored: `a file counts once a snapshot of ${config.source.table} has it` };
  if (feed === undefined) return { ignored: `no feed of ${config.pipeline} has this folder` };
  if (object.key.endsWith('/')) return { ignored: 'a folder, not a file' };
  if (isUnfinishedName(object.key.slice(feed.prefix.length + 1)))
    return { ignored: 'the name says that it is not finished or hidden' };
  const recorded = await intake.record({
    pipeline: config.pipeline,
    feed: feed.name,
    location: joinLocation(options.stagingRoot, object.key),
    version: object.etag,
    sizeBytes: object.sizeBytes,
    sequencer: object.sequencer,
    arrivedMs: clock.now(),
  });
  return recorded ? 'recorded' : 'known';
}

interface Feed {
  readonly name: string;
  /** Without a trailing slash. */
  readonly prefix: string;
}

/** The pipeline's feeds, the one with the longer folder first, since one may lie in the other. */
export function feedsOf(config: PipelineConfig): readonly Feed[] {
  const deletions = feedPrefix(config);
  const feeds = [
    { name: 'records', prefix: sourcePrefix(config) },
    ...(deletions === undefined ? [] : [{ name: 'deletions', prefix: deletions }]),
  ];
  return feeds.sort((a, b) => b.prefix.length - a.prefix.length);
}

function feedOf(config: PipelineConfig, key: string): Feed | undefined {
  return feedsOf(config).find(({ prefix }) => key.startsWith(`${prefix}/`));
}
