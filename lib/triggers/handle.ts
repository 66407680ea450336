import { ConfigError } from '../errors.ts';
import { cancelRun } from '../run/cancel.ts';
import { joinLocation } from '../stores/location.ts';
import type { CatalogPointer, Location, ObjectStore, StateStore } from '../stores/ports.ts';
import { sequencerOfTime } from '../stores/sequencer.ts';
import type { SourceListing } from '../stores/trigger-ports.ts';
import { inventoryObjects } from './inventory.ts';
import { type ArrivedObject, readMessage, type Trigger } from './messages.ts';
import { type StagedSnapshot, stagedSnapshots } from './staged.ts';
import { requestRun, type StartDecision, type StartOptions } from './start-run.ts';
import { feedsOf, type TakenIn, takeIn } from './take-in.ts';

export interface TriggerOptions extends StartOptions {
  readonly state: StartOptions['state'] & Pick<StateStore, 'runs'>;
  readonly stagingBucket: string;
  readonly stagingRoot: Location;
  readonly listing: SourceListing;
  readonly inventories: ObjectStore;
  /** For a staging table: its catalog, and the store that holds its files. */
  readonly catalog: CatalogPointer;
  readonly staging: ObjectStore;
}

export interface Message {
  readonly id: string;
  readonly body: string;
}

export interface Handled {
  /** Messages that must come again, or end in the dead-letter queue. */
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
  readonly recorded: number;
  readonly known: number;
  readonly ignored: readonly string[];
  readonly start: StartDecision;
}

/** Reasons that are kept for the log. */
const mostReasons = 20;
/** Writes of intake items at a time. */
const parallelWrites = 32;

/**
 * Takes in what a batch of messages tells of and starts a run when it is time. One bad message never holds up the
 * others; a failure to start one fails the whole batch, since recording twice changes nothing.
 */
export async function handleMessages(
  options: TriggerOptions,
  messages: readonly Message[],
): Promise<Handled> {
  const failed: { id: string; error: unknown }[] = [];
  const counts = { recorded: 0, known: 0 };
  const ignored: string[] = [];
  const ignore = (reason: string) => {
    if (ignored.length < mostReasons) ignored.push(reason);
  };
  const count = (object: ArrivedObject, taken: TakenIn) => {
    if (typeof taken === 'string') counts[taken] += 1;
    else ignore(`${object.key}: ${taken.ignored}`);
  };
  let wanted = false;
  let atOnce = false;

  for (const { id, body } of messages) {
    try {
      for (const trigger of readMessage(body)) {
        const outcome = await handleOne(options, trigger, count);
        if (outcome === 'run' || outcome === 'run at once') wanted = true;
        if (outcome === 'run at once') atOnce = true;
        if (trigger.kind === 'ignored') ignore(trigger.reason);
      }
    } catch (error) {
      failed.push({ id, error });
    }
  }
  const start = wanted ? await requestRun(options, { atOnce }) : ({ kind: 'nothing' } as const);
  return { failed, ...counts, ignored, start };
}

type Wanted = 'run' | 'run at once' | undefined;

async function handleOne(
  options: TriggerOptions,
  trigger: Trigger,
  count: (object: ArrivedObject, taken: TakenIn) => void,
): Promise<Wanted> {
  const { config, state, clock, stagingBucket, stagingRoot, inventories } = options;
  const take = async (object: ArrivedObject, isStaged = false): Promise<TakenIn> => {
    const taken = await takeIn(
      { config, intake: state.intake, clock, stagingBucket, stagingRoot, isStaged },
      object,
    );
    count(object, taken);
    return taken;
  };
  switch (trigger.kind) {
    case 'object':
      if (`s3://${trigger.bucket}` !== inventories.root) await take(trigger);
      else if (trigger.key.endsWith('/manifest.checksum'))
        await eachOf(inventoryObjects({ inventories, checksumKey: trigger.key, stagingBucket }), take);
      return 'run';
    case 'schedule':
      assertOwn(options, trigger.pipeline);
      await eachOf(listedObjects(options), take);
      if (config.source.table !== undefined) await takeStaged(options, take);
      return 'run at once';
    case 'wake':
      assertOwn(options, trigger.pipeline);
      return 'run';
    case 'cancel':
      assertOwn(options, trigger.pipeline);
      // What it gives back waits for an arrival, the schedule or the sweep: time to mend what made it fail.
      await cancelRun({ world: { state, clock }, runId: trigger.runId });
      return undefined;
    case 'ended':
      // After a failure the same run would fail again at once: an arrival, the schedule or the sweep tries again.
      return trigger.status === 'SUCCEEDED' ? 'run' : undefined;
    case 'staged':
      return trigger.table === config.source.table ? takeStaged(options, take) : undefined;
    case 'ignored':
      return undefined;
  }
}

/** Takes in what was appended to the staging table since it was last looked at. */
async function takeStaged(
  options: TriggerOptions,
  take: (object: ArrivedObject, isStaged: boolean) => Promise<TakenIn>,
): Promise<Wanted> {
  const { table } = options.config.source;
  if (table === undefined) return undefined;
  const fresh: StagedSnapshot[] = [];
  for await (const snapshot of stagedSnapshots({ ...options, table })) {
    if (await isTakenIn(options, snapshot)) break;
    fresh.push(snapshot);
  }
  // The oldest first: whoever is interrupted leaves nothing untaken before what is taken.
  for (const { files } of fresh.reverse()) for (const file of files) await take(file, true);
  return 'run';
}

async function isTakenIn(
  { config, state, stagingRoot }: TriggerOptions,
  { files }: StagedSnapshot,
): Promise<boolean> {
  for (const { key, etag } of files) {
    const known = await state.intake.versions(config.pipeline, joinLocation(stagingRoot, key));
    if (!known.some(({ version }) => version === etag)) return false;
  }
  return files.length > 0;
}

/** What lies in the feeds' folders now: for events that never came. */
async function* listedObjects({
  config,
  listing,
  stagingBucket,
}: TriggerOptions): AsyncIterable<ArrivedObject> {
  for (const { prefix } of feedsOf(config)) {
    for await (const { key, etag, sizeBytes, modifiedMs } of listing.list(`${prefix}/`))
      yield { bucket: stagingBucket, key, etag, sizeBytes, sequencer: sequencerOfTime(modifiedMs) };
  }
}

async function eachOf(
  objects: AsyncIterable<ArrivedObject>,
  action: (object: ArrivedObject) => Promise<unknown>,
): Promise<void> {
  let batch: Promise<unknown>[] = [];
  for await (const object of objects) {
    batch.push(action(object));
    if (batch.length < parallelWrites) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}

function assertOwn({ config }: TriggerOptions, pipeline: string): void {
  if (pipeline === config.pipeline) return;
  throw new ConfigError(`the message is for pipeline ${pipeline}; this function is of ${config.pipeline}`, {
    safe: 'nothing was done',
    next: 'cdk deploy',
  });
}
