import type { RunStore } from '../stores/ports.ts';
import { requestRun, type StartDecision, type StartOptions, waitingItems } from './start-run.ts';

export interface SweepOptions extends StartOptions {
  readonly state: StartOptions['state'] & { readonly runs: RunStore };
}

export interface Swept {
  readonly pending: number;
  /** 0 when nothing waits. */
  readonly oldestPendingSeconds: number;
  /** 0 when no run is at work. */
  readonly oldestRunSeconds: number;
  readonly start: StartDecision;
}

/** Statuses of a run that is on its way. `planned` waits for a person, `failed` for a resume. */
const underway = new Set(['claimed', 'prepared', 'working', 'auditing', 'publishing']);
const newestRuns = 100;

/** What alarms look at, and a run for what nothing else started one for. */
export async function sweep(options: SweepOptions): Promise<Swept> {
  const { config, state, clock } = options;
  const now = clock.now();
  const { pending, oldestMs } = await waitingItems(state, config.pipeline);
  const runs = await state.runs.list(config.pipeline, newestRuns);
  const started = runs.filter((run) => underway.has(run.status)).map((run) => run.createdMs);
  const seconds = (since: number) =>
    Number.isFinite(since) ? Math.max(0, Math.floor((now - since) / 1_000)) : 0;
  return {
    pending,
    oldestPendingSeconds: seconds(oldestMs),
    oldestRunSeconds: seconds(Math.min(...started)),
    start: await requestRun(options),
  };
}
