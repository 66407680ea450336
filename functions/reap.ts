import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { sweep } from '../lib/triggers/sweep.ts';
import { anyEvent } from './runtime/payloads.ts';
import { taskHandler } from './runtime/task.ts';
import { logger, metrics } from './runtime/telemetry.ts';

/** Every 15 minutes: the ages that alarms look at, and a run for what nothing else started one for. */
export const handler = taskHandler({
  schema: anyEvent,
  run: async (_, { config, world, trigger }) => {
    const swept = await sweep({ config, state: world.state, clock: world.clock, ...trigger });
    metrics.addMetric('OldestPendingAge', MetricUnit.Seconds, swept.oldestPendingSeconds);
    metrics.addMetric('OldestRunAge', MetricUnit.Seconds, swept.oldestRunSeconds);
    metrics.addMetric('RunsAbandoned', MetricUnit.Count, swept.abandoned.length);
    metrics.addMetric('PendingObjects', MetricUnit.Count, swept.pending);
    logger.info('swept', { ...swept });
    return swept;
  },
});
