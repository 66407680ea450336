import { type PipelineConfig, parseDurationMs } from '../config/index.ts';
import { LeaseHeldError } from '../errors.ts';
import { leaseName } from '../run/intake/claim.ts';
import type { Clock, StateStore } from '../stores/ports.ts';
import type { Executions, Wakes } from '../stores/trigger-ports.ts';
import { nextBatch } from './due-batch.ts';

export interface StartOptions {
  readonly config: PipelineConfig;
  readonly state: Pick<StateStore, 'intake' | 'leases' | 'runs'>;
  readonly executions: Executions;
  readonly wakes: Wakes;
  readonly clock: Clock;
}

export type StartDecision =
  /** Nothing waits. */
  | { readonly kind: 'nothing' }
  /** A run is at work; its end wakes us. */
  | { readonly kind: 'waiting'; readonly pending: number }
  /** The window is still open, or somebody else starts a run right now. */
  | { readonly kind: 'later'; readonly pending: number; readonly delaySeconds: number }
  | { readonly kind: 'started'; readonly pending: number; readonly name: string };

/** Items looked at before a run starts at once: so many waiting files need no window. */
const enoughPending = 10_000;
/** No two triggers start a run within this time; a list of executions may lag that long behind. */
const startGuardMs = 60_000;
const longestDelaySeconds = 900;

/**
 * Starts a run over what waits, once its window is over and no other run is at work:
 *
 *     arrival        arrival                     run ends
 *        |------- window -------|start              |start again, if anything came meanwhile
 *
 * A pipeline in batches starts one when the end of its next batch is over, also without files.
 *
 * A run that is at work is waited for, never failed against. Of triggers that come at the same time one starts: it
 * holds a short lease, and the execution's name is that of its time slot.
 */
export async function requestRun(
  options: StartOptions,
  { atOnce = false }: { readonly atOnce?: boolean } = {},
): Promise<StartDecision> {
  const { config, state, wakes, clock } = options;
  const { pipeline } = config;
  const { pending, oldestMs } = await waitingItems(state, pipeline);
  const now = clock.now();
  const later = async (delayMs: number): Promise<StartDecision> => {
    const delaySeconds = Math.min(longestDelaySeconds, Math.max(1, Math.ceil(delayMs / 1_000)));
    await wakes.later(pipeline, delaySeconds);
    return { kind: 'later', pending, delaySeconds };
  };
  const slot = Math.floor(now / startGuardMs);
  if (config.kind === 'rollup') {
    const next = await nextBatch(config, state, pending === 0 ? undefined : oldestMs);
    if (next === undefined) return { kind: 'nothing' };
    if (next.endMs > now) return pending === 0 ? { kind: 'nothing' } : later(next.endMs - now);
    // Batches that are caught up follow each other at once: each has a guard of its own.
    return start(options, {
      pending,
      later,
      guard: `${pipeline}/b${next.number}`,
      name: `${pipeline}-b${next.number}-w${slot}`,
    });
  }
  if (pending === 0) return { kind: 'nothing' };
  const windowMs = atOnce || pending >= enoughPending ? 0 : parseDurationMs(config.aws.window);
  if (oldestMs + windowMs > now) return later(oldestMs + windowMs - now);
  return start(options, { pending, later, guard: pipeline, name: `${pipeline}-w${slot}` });
}

interface Start {
  readonly pending: number;
  readonly later: (delayMs: number) => Promise<StartDecision>;
  /** Of triggers with the same guard one starts. */
  readonly guard: string;
  readonly name: string;
}

async function start(options: StartOptions, { pending, later, guard, name }: Start): Promise<StartDecision> {
  const { config, state, executions } = options;
  if (await isAtWork(options)) return { kind: 'waiting', pending };
  const held = await state.leases.acquire(`trigger/${guard}`, name, startGuardMs).catch((error: unknown) => {
    if (error instanceof LeaseHeldError) return undefined;
    throw error;
  });
  if (held === undefined) return later(startGuardMs);
  try {
    const outcome = await executions.start({
      name,
      input: { pipeline: config.pipeline, concurrency: config.aws.concurrency },
    });
    // The guard stays until it lapses. The slot's execution is over already: the next slot has its turn.
    return outcome === 'started' ? { kind: 'started', pending, name } : later(startGuardMs);
  } catch (error) {
    await state.leases.release(held);
    throw error;
  }
}

/** An execution runs, or somebody (a command line, say) holds the pipeline's lease. */
async function isAtWork({ config, state, executions, clock }: StartOptions): Promise<boolean> {
  if (await executions.isAnyRunning()) return true;
  const lease = await state.leases.current(leaseName(config.pipeline));
  return lease !== undefined && lease.expiresMs > clock.now();
}

/** What waits for a run: how many items, at most `enoughPending`, and since when. */
export async function waitingItems(
  state: Pick<StateStore, 'intake'>,
  pipeline: string,
): Promise<{ readonly pending: number; readonly oldestMs: number }> {
  let pending = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  for await (const item of state.intake.list(pipeline, { status: 'pending' })) {
    pending += 1;
    oldestMs = Math.min(oldestMs, item.arrivedMs);
    if (pending >= enoughPending) break;
  }
  return { pending, oldestMs };
}
