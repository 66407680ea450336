import { planPayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';

/** Plans from manifests and prepared counts, or finds the saved plan still good. */
export const handler = taskHandler({
  schema: planPayload,
  run: async ({ runId, attempt, replan = false }, { backbone }) => {
    const planned = await backbone.plan({ runId, attempt, replan });
    countMetric(
      'UnitsPlanned',
      planned.stages.reduce((sum, stage) => sum + stage.units, 0),
    );
    return planned;
  },
});
