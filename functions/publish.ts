import { runPayload } from './runtime/payloads.ts';
import { countMetric, taskHandler } from './runtime/task.ts';

/** The one step that readers can see. */
export const handler = taskHandler({
  schema: runPayload,
  run: async ({ runId, attempt }, { backbone }) => {
    const published = await backbone.publish({ runId, attempt });
    countMetric('RunsPublished', 1);
    return published;
  },
});
