import { randomBytes } from 'node:crypto';
import { configDigest } from '../config/digest.ts';
import type { PipelineConfig } from '../config/schema.ts';
import { CorruptStateError, ObjectNotFoundError, RunCancelledError } from '../errors.ts';
import type { Lease, RunRecord } from '../stores/ports.ts';
import { type RunManifest, readManifest, writeManifest } from './context.ts';
import type { Workload, World } from './workload.ts';

/** Pending items that one run takes at most; the rest waits for the next run. */
const claimLimit = 100_000;
/** A holder that has not renewed for so long has died. */
export const leaseTtlMs = 30_000;

interface ClaimOptions {
  readonly world: World;
  readonly config: PipelineConfig;
  readonly workload: Workload;
  readonly branch: string;
  readonly mode: RunManifest['mode'];
}

export interface ClaimedRun {
  readonly run: RunRecord;
  readonly config: PipelineConfig;
  readonly objects: number;
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
    facts: {},
  };
  return releasedOnFailure(world, lease, async () => {
    await world.step('leased');
    if (!(await isAnythingPending(world, pipeline))) {
      await world.state.leases.release(lease);
      return { run: { ...run, status: 'empty' }, config, objects: 0 };
    }
    await world.state.runs.create(run);
    const objects = await world.state.intake.claim(pipeline, runId, claimLimit);
    await world.step('claimed');
    if (objects === 0) return { run, config, objects };
    const pinned = await options.workload
      .pinConfig(world, config, { objects, bytes: await claimedBytes(world, pipeline, runId) })
      .catch(async (error: unknown) => {
        await giveUp(world, runId);
        throw error;
      });
    const digest = configDigest(config);
    await writeManifest(world, {
      formatVersion: 1,
      runId,
      config: pinned,
      configDigest: digest,
      mode: options.mode,
    });
    await world.step('manifest');
    return { run, config: pinned, objects };
  });
}

async function isAnythingPending(world: World, pipeline: string): Promise<boolean> {
  for await (const _item of world.state.intake.list(pipeline, { status: 'pending' })) return true;
  return false;
}

/** Whoever comes next need not wait for the lease of a run that failed to start. */
async function releasedOnFailure<T>(world: World, lease: Lease, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    await world.state.leases.release(lease);
    throw error;
  }
}

/** A run that cannot even start holds nothing: its files are pending again. */
async function giveUp(world: World, runId: string): Promise<void> {
  await world.state.intake.release(runId);
  await world.state.runs.update(runId, { status: 'cancelled', endedMs: world.clock.now() });
}

/** Published, given back or without input: nothing is left to do, and nothing may be. */
export function isSettled(run: Pick<RunRecord, 'status'>): boolean {
  return run.status === 'succeeded' || run.status === 'cancelled' || run.status === 'empty';
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
  if (isSettled(before)) return { run: before, config: options.config, objects: 0 };
  const lease = await world.state.leases.acquire(leaseName(before.pipeline), runId, leaseTtlMs);
  return releasedOnFailure(world, lease, async () => {
    const objects = await world.state.intake.claim(before.pipeline, runId, claimLimit);
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
    const run = await world.state.runs.update(runId, {
      attempt:
        before.status === 'planned' && before.attempt === 1 && before.facts['attempted'] !== true
          ? 1
          : before.attempt + 1,
      epoch: lease.epoch,
      error: undefined,
      endedMs: undefined,
      facts: { ...before.facts, attempted: true },
    });
    return { run, config: manifest.config, objects };
  });
}

async function claimedBytes(world: World, pipeline: string, runId: string): Promise<number> {
  let bytes = 0;
  for await (const item of world.state.intake.list(pipeline, { runId })) bytes += item.sizeBytes;
  return bytes;
}

/** @example timestamp(0) // '19700101t000000' */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
}
