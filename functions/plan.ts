import { planPayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';

/**
 * Plans from manifests and prepared counts, or finds the saved plan still good. Groups what was compiled for Spark, and notes
 * a job run that failed.
 */
export const handler = taskHandler({
  schema: planPayload,
  run: async (payload, { backbone }) => {
    const planned = await backbone.plan(payload);
    if ('stages' in planned)
      countMetric(
        'UnitsPlanned',
        planned.stages.reduce((sum, stage) => sum + stage.units, 0),
      );
    return planned;
  },
});
