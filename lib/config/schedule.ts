import type { ScheduleConfig } from './aws-schema.ts';
import type { PipelineConfig } from './schema.ts';
import { parseDurationMs } from './sizes.ts';

const minuteMs = 60_000;

/**
 * When a deployed pipeline is looked at besides arrivals. One in batches needs it, since windows close by time and not by
 * files: without a schedule of its own, once for every batch.
 */
export function scheduleOf(config: PipelineConfig): ScheduleConfig | undefined {
  if (config.aws.schedule !== undefined || config.kind !== 'rollup') return config.aws.schedule;
  const minutes = Math.max(1, Math.round(parseDurationMs(config.batches.every) / minuteMs));
  return {
    expression: `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`,
    timezone: 'UTC',
    catchUp: '1h',
  };
}
