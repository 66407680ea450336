import { randomBytes } from 'node:crypto';
import { configDigest } from '../../config/digest.ts';
import type { PipelineConfig } from '../../config/schema.ts';
import {
  BatchOrderError,
  CorruptStateError,
  ObjectNotFoundError,
  RunCancelledError,
  UnfinishedBatchError,
  UsageError,
} from '../../errors.ts';
import type { IntakeItem, Lease, RunRecord } from '../../stores/ports.ts';
import { type RunManifest, readManifest, writeManifest } from '../context.ts';
import { pausedMs } from '../run-facts.ts';
import { taskOf } from '../tasks.ts';
import type { Task, Workload, World } from '../workload.ts';
import type { Batch, RepairRequest } from './batch.ts';
import { batchOf, newestPublished } from './batches.ts';
import {
  arrivalsWaiting,
  claimedBytes,
  claimObjects,
  claimOnly,
  isAnythingWaiting,
} from './claimed-files.ts';

/** Newest runs that are looked at for one that holds, or has published, a batch. */
export const runsSeen = 100;
/** A holder that has not renewed for so long has died. */
export const leaseTtlMs = 30_000;

interface ClaimOptions {
  readonly world: World;
  readonly config: PipelineConfig;
  readonly workload: Workload;
  readonly branch: string;
  readonly mode: RunManifest['mode'];
  /** For workloads in batches: those that end by then are due. Default: now. */
  readonly untilMs?: number;
  readonly flush?: boolean;
  /** Instead of the next batch with the files that wait: one that was published before, with its files. */
  readonly replay?: ReplayedBatch;
  /** Instead of the next batch: points to work into the newest one. */
  readonly repair?: RepairRequest;
  /** Instead of the files that wait, which are left alone. */
  readonly task?: Task;
  /** The run is only made now: `continueRun` begins its first attempt. */
  readonly begunLater?: true;
  /** ARN of the execution that claims; kept as `facts.execution`. */
  readonly execution?: string;
}

/** A batch to be published once more, to another branch. */
export interface ReplayedBatch {
  readonly number: number;
  readonly watermarkMs: number;
  readonly flush: boolean;
  /** Runs whose files it takes. */
  readonly replays: readonly string[];
  /** Further files, which wait. */
  readonly also: readonly Pick<IntakeItem, 'location' | 'version'>[];
}

export interface ClaimedRun {
  readonly run: RunRecord;
  readonly config: PipelineConfig;
  readonly objects: number;
  /** Whether there is work: a batch is due without objects, too. */
  readonly due: boolean;
}

export const leaseName = (pipeline: string): string => `pipeline/${pipeline}`;

/**
 * Starts a run: lease, record, claim, manifest, in this order, so that a crash in between leaves at most a run
 * that holds nothing. Without pending items there is no run. @throws LeaseHeldError
 */
export async function startRun(options: ClaimOptions): Promise<ClaimedRun> {
  const { world, config } = options;
  const { pipeline } = config;
  const now = world.clock.now();
  const runId = `${pipeline}-${timestamp(now)}-${randomBytes(3).toString('hex')}`;
  const lease = await world.state.leases.acquire(leaseName(pipeline), runId, leaseTtlMs);
  const run: RunRecord = {
    runId,
    pipeline,
    status: 'claimed',
    attempt: 1,
    epoch: lease.epoch,
    branch: options.branch,
    createdMs: now,
    updatedMs: now,
    endedMs: undefined,
    error: undefined,
    facts: {
      ...executionFact(options),
      ...(options.begunLater === true ? { attempted: false } : {}),
      ...(options.task === undefined ? {} : { task: options.task }),
    },
  };
  return releasedOnFailure(world, lease, async () => {
    await world.step('leased');
    // Before the next batch is asked for: the files of the very first one are claimed by the run that holds it.
    if (options.workload.nextBatch !== undefined) await refuseHeldBatch(world, pipeline, options.branch);
    const next = await nextWork(options, now);
    if (!next.due) {
      await world.state.leases.release(lease);
      return { run: { ...run, status: 'empty' }, config, objects: 0, due: false };
    }
    const { batch } = next;
    if (batch !== undefined && options.replay === undefined && batch.repair === undefined)
      await refusePublishedBatch(world, pipeline, options.branch, batch);
    await world.state.runs.create({
      ...run,
      facts: { ...run.facts, ...(batch === undefined ? {} : { batch }) },
    });
    const objects =
      options.replay === undefined
        ? await claimObjects(world, run, batch)
        : await claimOnly(world, pipeline, runId, options.replay.also);
    // From here on the batch's files are fixed: what is recorded later is the next batch's.
    if (batch !== undefined)
      await world.state.runs.update(runId, { facts: { ...run.facts, batch, claimedObjects: objects } });
    await world.step('claimed');
    if (objects === 0 && batch === undefined && options.task === undefined)
      return { run, config, objects, due: false };
    const pinned = await givenUpOnFailure(world, runId, async () => {
      const claimed = { objects, bytes: await claimedBytes(world, pipeline, runId) };
      const made = await options.workload.pinConfig(world, config, claimed);
      const configuration = { config: made, configDigest: configDigest(config), mode: options.mode };
      await writeManifest(world, { formatVersion: 1, runId, ...configuration });
      return made;
    });
    await world.step('manifest');
    return { run, config: pinned, objects, due: true };
  });
}

type NextWork =
  | { readonly due: true; readonly batch: Batch | undefined }
  | { readonly due: false; readonly endMs: number | undefined };

async function nextWork(options: ClaimOptions, now: number): Promise<NextWork> {
  const { world, config, workload, branch, flush = false } = options;
  // What has arrived within this millisecond is there to be flushed.
  const { untilMs = flush ? now + 1 : now } = options;
  if (options.task !== undefined) return { due: true, batch: undefined };
  if (workload.nextBatch === undefined) {
    return (await isAnythingWaiting(world, config.pipeline))
      ? { due: true, batch: undefined }
      : { due: false, endMs: undefined };
  }
  if (options.replay !== undefined) return replayed(options, options.replay);
  if (options.repair !== undefined) return repaired(options, options.repair);
  const waiting = await arrivalsWaiting(world, config.pipeline);
  return workload.nextBatch(world, config, { branch, untilMs, flush, ...waiting });
}

/** @throws BatchOrderError when the branch is not at the batch before */
async function replayed(
  { world, config, workload, branch }: ClaimOptions,
  replay: ReplayedBatch,
): Promise<NextWork> {
  const { number, watermarkMs, flush, replays } = replay;
  const nothing = { oldestArrivalMs: undefined, newestArrivalMs: undefined };
  const request = { branch, untilMs: watermarkMs, flush, ...nothing };
  const next = await workload.nextBatch?.(world, config, request);
  if (next?.due === true && next.batch.number === number)
    return { due: true, batch: { ...next.batch, replays } };
  throw new BatchOrderError(`branch ${branch} of ${config.pipeline} is not at the batch before ${number}`, {
    details: { batch: number, next: next?.due === true ? next.batch.number : undefined },
    safe: 'nothing was changed',
    next: `partwise cancel --branch ${branch}`,
  });
}

async function repaired({ world, config, workload }: ClaimOptions, repair: RepairRequest): Promise<NextWork> {
  if (workload.repairBatch === undefined)
    throw new UsageError(`points of a ${config.kind} pipeline cannot be repaired`, {
      safe: 'nothing was changed',
    });
  return { due: true, batch: await workload.repairBatch(world, config, repair) };
}

/** A run that has not ended holds its batch's files: it must end first. @throws UnfinishedBatchError */
async function refuseHeldBatch(world: World, pipeline: string, branch: string): Promise<void> {
  const runs = await world.state.runs.list(pipeline, runsSeen);
  const holder = runs.find((run) => !isSettled(run) && run.branch === branch && batchOf(run) !== undefined);
  if (holder === undefined) return;
  const batch = batchOf(holder)?.number;
  throw new UnfinishedBatchError(
    `batch ${batch} of ${pipeline} waits: run ${holder.runId} has not ended (${holder.status})`,
    {
      details: { runId: holder.runId, batch, status: holder.status },
      safe: 'nothing was changed; its files are kept for it',
      next: goOnWith(holder),
    },
  );
}

/**
 * Where the table has gone back behind what a run has published, that run is done with its files, and another one of
 * the same batch would be without them. @throws BatchOrderError
 */
async function refusePublishedBatch(
  world: World,
  pipeline: string,
  branch: string,
  batch: Batch,
): Promise<void> {
  const published = newestPublished(await world.state.runs.list(pipeline, runsSeen), branch);
  if (published === undefined || published.number < batch.number) return;
  throw new BatchOrderError(
    `${branch} of ${pipeline} is before batch ${batch.number}, and run ${published.runId} has published batch ${published.number} already: the ${branch === 'main' ? 'table was rolled back' : 'branch is without it'}`,
    {
      details: { batch: batch.number, published: published.number, runId: published.runId },
      safe: 'nothing was changed; the files are kept',
      next:
        branch === 'main'
          ? `partwise replay --from-batch ${batch.number}`
          : `partwise cancel --branch ${branch}`,
    },
  );
}

function executionFact({ execution }: Pick<ClaimOptions, 'execution'>): RunRecord['facts'] {
  return execution === undefined ? {} : { execution };
}

/** Whoever comes next need not wait for the lease of a run that failed to start. */
async function releasedOnFailure<T>(world: World, lease: Lease, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    // It lapses by itself; the first error is the one to tell.
    await world.state.leases.release(lease).catch(() => undefined);
    throw error;
  }
}

/** A run that cannot even start holds nothing: its files are pending again, and its record says why. */
export async function givenUpOnFailure<T>(world: World, runId: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    await giveUp(world, runId, error).catch(() => undefined);
    throw error;
  }
}

async function giveUp(world: World, runId: string, thrown: unknown): Promise<void> {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  await world.state.intake.release(runId);
  await world.state.runs.update(runId, {
    status: 'cancelled',
    endedMs: world.clock.now(),
    error: { name, message, next: 'partwise run' },
  });
}

/** Published, given back or without input: nothing is left to do, and nothing may be. */
export function isSettled(run: Pick<RunRecord, 'status'>): boolean {
  return run.status === 'succeeded' || run.status === 'cancelled' || run.status === 'empty';
}

/** What to type to go on with a run that has not ended. */
export function goOnWith({ runId, status }: Pick<RunRecord, 'runId' | 'status'>): string {
  return `partwise ${status === 'planned' ? 'run --plan' : 'resume'} ${runId}`;
}

export function runCancelled(runId: string): RunCancelledError {
  return new RunCancelledError(`run ${runId} was cancelled; its files are pending again`, {
    next: 'partwise run',
  });
}

/**
 * Takes a run up again with the configuration it was started with and the next epoch. A run that has succeeded
 * meanwhile is left alone and has no objects.
 * @throws LeaseHeldError
 * @throws RunCancelledError
 */
export async function continueRun(
  options: Omit<ClaimOptions, 'branch' | 'mode'> & { readonly runId: string },
): Promise<ClaimedRun> {
  const { world, runId, workload } = options;
  const before = await world.state.runs.get(runId);
  if (before === undefined)
    throw new CorruptStateError(`there is no run ${runId}`, { next: 'partwise runs' });
  if (before.status === 'cancelled') throw runCancelled(runId);
  if (isSettled(before)) return { run: before, config: options.config, objects: 0, due: false };
  const lease = await world.state.leases.acquire(leaseName(before.pipeline), runId, leaseTtlMs);
  return releasedOnFailure(world, lease, async () => {
    const batch = batchOf(before);
    const fixed = batch === undefined ? undefined : before.facts['claimedObjects'];
    if (batch?.replays !== undefined && fixed === undefined)
      throw new CorruptStateError(`run ${runId} ended before it had the files that it is to replay`, {
        safe: 'nothing was published',
        next: `partwise cancel ${runId}`,
      });
    const objects = typeof fixed === 'number' ? fixed : await claimObjects(world, before, batch);
    const bytes = await claimedBytes(world, before.pipeline, runId);
    const manifest = await readManifest(world, runId).catch(async (error: unknown) => {
      if (!(error instanceof ObjectNotFoundError)) throw error;
      const config = await workload.pinConfig(world, options.config, { objects, bytes });
      const made: RunManifest = {
        formatVersion: 1,
        runId,
        config,
        configDigest: configDigest(options.config),
        mode: 'run',
      };
      await writeManifest(world, made);
      return made;
    });
    const paused = pausedMs(before) + pauseOf(before, world.clock.now());
    const run = await world.state.runs.update(runId, {
      attempt: isBegun(before) ? before.attempt + 1 : 1,
      epoch: lease.epoch,
      error: undefined,
      endedMs: undefined,
      facts: {
        ...before.facts,
        attempted: true,
        ...(paused === 0 ? {} : { pausedMs: paused }),
        ...executionFact(options),
      },
    });
    const due = objects > 0 || batch !== undefined || taskOf(before) !== undefined;
    return { run, config: manifest.config, objects, due };
  });
}

/** Whether an attempt of the run has worked on it; whoever only planned it, or only made it, has not. */
function isBegun({ attempt, status, facts }: RunRecord): boolean {
  return attempt > 1 || facts['attempted'] === true || (facts['attempted'] !== false && status !== 'planned');
}

/** Since nobody has worked on the run; when a process died is not known. One that was only made is begun at once. */
function pauseOf(run: RunRecord, nowMs: number): number {
  if (run.facts['attempted'] === false) return 0;
  const sinceMs = run.endedMs ?? (isBegun(run) ? nowMs : run.updatedMs);
  return Math.max(0, nowMs - sinceMs);
}

/** @example timestamp(0) // '19700101t000000' */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
}
