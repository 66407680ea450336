import { holdLease } from './runtime/lease.ts';
import { intakePayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';

/** Claims what waits, or takes a run up again; makes the items of the prepare Map. */
export const handler = taskHandler({
  schema: intakePayload,
  // It takes the lease itself.
  needsLease: false,
  run: async ({ pipeline, mode, branch, fromMonth, runId, task, execution }, { backbone, world }) => {
    const claimed = await backbone.intake({
      pipeline,
      ...(mode === undefined ? {} : { mode }),
      ...(branch === undefined ? {} : { branch }),
      ...(fromMonth === undefined ? {} : { fromMonth }),
      ...(runId === undefined ? {} : { runId }),
      ...(task === undefined ? {} : { task }),
      ...(execution === undefined ? {} : { execution }),
    });
    if (claimed.objects > 0) await holdLease(world, pipeline, claimed.runId, 0);
    countMetric('ObjectsClaimed', claimed.objects);
    return claimed;
  },
});
