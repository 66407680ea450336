import { workPayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';

/** One unit of any stage. A unit whose checkpoint stands is skipped. */
export const handler = taskHandler({
  schema: workPayload,
  run: async (item, { backbone }) => {
    const done = await backbone.work(item);
    countMetric('UnitsDone', 1);
    return done;
  },
});
