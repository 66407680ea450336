import { setTimeout } from 'node:timers/promises';

export interface Retrying {
  /** Calls at most, the first one included. */
  readonly attempts: number;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** In [0, 1). */
  readonly random: () => number;
}

/** For refusals that the SDK does not repeat by itself, such as a lost race. About 10 s in all. */
export const defaultRetrying: Retrying = {
  attempts: 10,
  sleep: (ms) => setTimeout(ms),
  random: Math.random,
};

const firstDelayMs = 40;
const longestDelayMs = 2_000;

/** Repeats what failed for a passing reason, after an exponential delay with full jitter; then the last error stands. */
export async function retrying<T>(
  options: Retrying,
  isPassing: (error: unknown) => boolean,
  action: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (attempt >= options.attempts || !isPassing(error)) throw error;
      await options.sleep(options.random() * Math.min(longestDelayMs, firstDelayMs * 2 ** attempt));
    }
  }
}
