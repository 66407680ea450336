import { intakePayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';

/** Claims what waits, or takes a run up again; makes the items of the prepare Map. */
export const handler = taskHandler({
  schema: intakePayload,
  run: async ({ pipeline, mode, branch, runId }, { backbone }) => {
    const claimed = await backbone.intake({
      pipeline,
      ...(mode === undefined ? {} : { mode }),
      ...(branch === undefined ? {} : { branch }),
      ...(runId === undefined ? {} : { runId }),
    });
    countMetric('ObjectsClaimed', claimed.objects);
    return claimed;
  },
});
