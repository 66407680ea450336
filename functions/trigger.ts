import { handleMessages } from '../lib/triggers/handle.ts';
import { queueBatch } from './runtime/payloads.ts';
import { countMetric, logFailure, taskHandler } from './runtime/task.ts';
import { logger } from './runtime/telemetry.ts';

/** Takes in what a batch of events tells of and starts a run when it is time. Failed messages come again alone. */
export const handler = taskHandler({
  schema: queueBatch,
  run: async (batch, { config, world, trigger }) => {
    const handled = await handleMessages(
      {
        config,
        state: world.state,
        clock: world.clock,
        catalog: world.catalog,
        staging: world.staging,
        ...trigger,
      },
      batch.Records.map(({ messageId, body }) => ({ id: messageId, body })),
    );
    const { failed, ...said } = handled;
    countMetric('ObjectsRecorded', handled.recorded);
    countMetric('EventsFailed', failed.length);
    logger.info('took in', { messages: batch.Records.length, failed: failed.length, ...said });
    for (const { id, error } of failed) logFailure(error, { id });
    return { batchItemFailures: failed.map(({ id }) => ({ itemIdentifier: id })) };
  },
});
