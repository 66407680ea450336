import type { PipelineConfig } from '../../config/index.ts';
import { ConfigError } from '../../errors.ts';
import type { World } from '../../run/workload.ts';
import { workloadOf } from '../../run/workloads.ts';
import { failureOf } from '../failure.ts';
import type { Finding } from './finding.ts';

/** Whether a run with this pipeline file would be let begin on the tables that are there; nothing when it would. */
export async function checkFit(world: World, config: PipelineConfig): Promise<readonly Finding[]> {
  try {
    await workloadOf(config).pinConfig(world, config, { objects: 0, bytes: 0 });
    return [];
  } catch (error) {
    const { name, message, next } = failureOf(error);
    const about = name === ConfigError.name ? 'pipeline' : 'table';
    return [{ status: 'wrong', name: about, detail: message, ...(next === undefined ? {} : { next }) }];
  }
}
