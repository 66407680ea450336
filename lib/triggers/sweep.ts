import { leaseName } from '../run/intake/claim.ts';
import type { RunRecord, RunStore } from '../stores/ports.ts';
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
  /** Runs whose execution is gone; they are recorded as failed. */
  readonly abandoned: readonly string[];
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
  const runs = (await state.runs.list(config.pipeline, newestRuns)).filter((run) => underway.has(run.status));
  const abandoned = await endAbandoned(options, runs);
  const started = runs.filter((run) => !abandoned.includes(run.runId)).map((run) => run.createdMs);
  const seconds = (since: number) =>
    Number.isFinite(since) ? Math.max(0, Math.floor((now - since) / 1_000)) : 0;
  return {
    pending,
    oldestPendingSeconds: seconds(oldestMs),
    oldestRunSeconds: seconds(Math.min(...started)),
    abandoned,
    start: await requestRun(options),
  };
}

/**
 * An execution that was stopped or timed out cannot record its own end. When none runs and a run's lease has lapsed or
 * gone to another, nobody works on it any more: it is recorded as failed and keeps its claims, for a resume.
 */
async function endAbandoned(options: SweepOptions, runs: readonly RunRecord[]): Promise<readonly string[]> {
  const { config, state, executions, clock } = options;
  if (runs.length === 0 || (await executions.isAnyRunning())) return [];
  const lease = await state.leases.current(leaseName(config.pipeline));
  const holder = lease !== undefined && lease.expiresMs > clock.now() ? lease.holder : undefined;
  const left = runs.filter((run) => run.runId !== holder);
  for (const { runId } of left) {
    await state.runs.update(runId, {
      status: 'failed',
      endedMs: clock.now(),
      error: {
        name: 'States.Aborted',
        message: 'its execution ended without recording how',
        next: `partwise resume ${runId}`,
      },
    });
  }
  return left.map(({ runId }) => runId);
}
