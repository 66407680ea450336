import { runPayload } from './runtime/payloads.ts';
import { taskHandler } from './runtime/task.ts';

/** Counts what was written independently of who wrote it. */
export const handler = taskHandler({
  schema: runPayload,
  run: ({ runId, attempt }, { backbone }) => backbone.audit({ runId, attempt }),
});
