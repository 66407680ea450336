import type { IntakeItem, IntakeOutcome, RunRecord } from '../../stores/ports.ts';
import { taskOf } from '../tasks.ts';
import type { World } from '../workload.ts';
import type { Batch, BatchRequest } from './batch.ts';

/** Files that wait in the intake, and which of them a run takes. */

/** Pending items that one run takes at most; the rest waits for the next run. */
const claimLimit = 100_000;

/** When the files that wait have arrived. */
export async function arrivalsWaiting(
  world: World,
  pipeline: string,
): Promise<Pick<BatchRequest, 'oldestArrivalMs' | 'newestArrivalMs'>> {
  let oldest: number | undefined;
  let newest: number | undefined;
  for await (const { arrivedMs } of world.state.intake.list(pipeline, { status: 'pending' })) {
    oldest = Math.min(oldest ?? arrivedMs, arrivedMs);
    newest = Math.max(newest ?? arrivedMs, arrivedMs);
  }
  return { oldestArrivalMs: oldest, newestArrivalMs: newest };
}

export async function isAnythingWaiting(world: World, pipeline: string): Promise<boolean> {
  for await (const _item of world.state.intake.list(pipeline, { status: 'pending' })) return true;
  return false;
}

/** A batch takes every file that arrived before its end, a repair those that it names, a task none; other runs take the oldest ones up to a limit. */
export async function claimObjects(
  world: World,
  run: Pick<RunRecord, 'pipeline' | 'runId' | 'facts'>,
  batch: Batch | undefined,
): Promise<number> {
  const { pipeline, runId } = run;
  if (taskOf(run) !== undefined) return 0;
  if (batch?.repair !== undefined) return claimOnly(world, pipeline, runId, batch.repair.also);
  return batch === undefined
    ? world.state.intake.claim(pipeline, runId, claimLimit)
    : world.state.intake.claim(pipeline, runId, Number.MAX_SAFE_INTEGER, batch.watermarkMs);
}

/** Claims these files and no other that waits. */
export async function claimOnly(
  world: World,
  pipeline: string,
  runId: string,
  wanted: readonly Pick<IntakeItem, 'location' | 'version'>[],
): Promise<number> {
  if (wanted.length === 0) return 0;
  const { intake } = world.state;
  await intake.claim(pipeline, runId, Number.MAX_SAFE_INTEGER);
  const names = new Set(wanted.map(({ location, version }) => `${version} ${location}`));
  const others: IntakeOutcome[] = [];
  for await (const { location, version } of intake.list(pipeline, { runId }))
    if (!names.has(`${version} ${location}`)) others.push({ location, version, status: 'pending' });
  await intake.settle(runId, others);
  return wanted.length;
}

export async function claimedBytes(world: World, pipeline: string, runId: string): Promise<number> {
  let bytes = 0;
  for await (const item of world.state.intake.list(pipeline, { runId })) bytes += item.sizeBytes;
  return bytes;
}
