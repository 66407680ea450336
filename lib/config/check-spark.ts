import type { Problem } from './problems.ts';
import type { PipelineConfig } from './schema.ts';
import { parseDurationMs } from './sizes.ts';
import { glueSettings } from './spark.ts';

/**
 * Files of a unit that Spark works on are named by nothing until the unit is finished: whoever removes orphans must leave them alone for longer
 * than a run of Spark can last.
 */
export function checkSpark(config: Pick<PipelineConfig, 'aws' | 'maintenance'>): readonly Problem[] {
  const { graceForOrphans } = config.maintenance;
  const { timeout } = glueSettings(config);
  if (config.aws.glue === undefined || parseDurationMs(graceForOrphans) > parseDurationMs(timeout)) return [];
  return [
    {
      path: ['maintenance', 'graceForOrphans'],
      message: `files are removed as orphans after ${graceForOrphans}, while a run of Spark may still be writing them (aws.glue.timeout is ${timeout}); it must be longer`,
    },
  ];
}
