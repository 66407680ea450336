import type { Retrier } from './definition.ts';
import { matchesError, type StateFailure } from './errors.ts';

/** Counts of one visit of a state: each retrier has its own, all are forgotten when the state is left. */
export interface RetryLedger {
  readonly attempts: Map<Retrier, number>;
}

export function newLedger(): RetryLedger {
  return { attempts: new Map() };
}

/**
 * Milliseconds to wait before the state is tried again; undefined when it is not. The first retrier whose
 * `ErrorEquals` matches decides alone: once it is used up, the error goes to the catchers.
 */
export function nextRetryDelayMs(
  retriers: readonly Retrier[],
  failure: StateFailure,
  ledger: RetryLedger,
  random: () => number,
): number | undefined {
  const retrier = retriers.find((candidate) => matchesError(candidate.errorEquals, failure.error));
  if (retrier === undefined) return undefined;
  const attempt = ledger.attempts.get(retrier) ?? 0;
  if (attempt >= retrier.maxAttempts) return undefined;
  ledger.attempts.set(retrier, attempt + 1);
  const delayMs = retryDelayMs(retrier, attempt);
  return retrier.jitter === 'FULL' ? Math.floor(random() * delayMs) : delayMs;
}

/** IntervalSeconds x BackoffRate^attempt, at most MaxDelaySeconds, before jitter. `attempt` counts from 0. */
function retryDelayMs({ intervalSeconds, backoffRate, maxDelaySeconds }: Retrier, attempt: number): number {
  const seconds = intervalSeconds * backoffRate ** attempt;
  return Math.min(seconds, maxDelaySeconds ?? Number.MAX_SAFE_INTEGER / 1_000) * 1_000;
}
