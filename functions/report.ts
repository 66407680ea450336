import { reportPayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';
import { logger } from './runtime/telemetry.ts';

/** Settles the intake, maintains, records how the run ended, and tells the bus. */
export const handler = taskHandler({
  schema: reportPayload,
  // How a run ended is recorded whoever has the lease now.
  needsLease: false,
  run: async (payload, { backbone, world, announcer }) => {
    // The payload goes on as it came: what it may say is between the state machine and the backbone.
    const done = await (backbone.report as (payload: unknown) => Promise<unknown>)(payload);
    if (payload.action === 'raise') return done;
    const { runId, attempt, outcome } = payload;
    const run = await world.state.runs.get(runId);
    if (run === undefined) return done;
    const input = run.facts['input'] as { readonly rowsAccepted?: number } | undefined;
    if (outcome === 'succeeded') countMetric('RowsApplied', input?.rowsAccepted ?? 0);
    countMetric(outcome === 'failed' ? 'RunsFailed' : 'RunsEnded', 1);
    const { pipeline, status, branch, createdMs, endedMs, facts } = run;
    // The record stands; a bus that does not answer must not turn the run into a failed one.
    await announcer
      .runEnded({
        pipeline,
        runId,
        attempt,
        status,
        branch,
        createdMs,
        endedMs,
        error: run.error,
        published: facts['published'],
        input: facts['input'],
      })
      .catch((failure: unknown) => logger.warn('the end of the run was not announced', failure as Error));
    return done;
  },
});
