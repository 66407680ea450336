import { setTimeout as timer } from 'node:timers/promises';
import type { Environment } from '../command.ts';

/** Waits between two looks; Ctrl-C ends it at once. */
export async function pause({ sleep, signal }: Environment, ms: number): Promise<void> {
  if (sleep !== undefined) await sleep(ms, signal);
  else await timer(ms, undefined, { signal }).catch(() => undefined);
}
