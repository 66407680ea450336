import type { RollupConfig } from '../config/schema.ts';
import type { ClaimedSources, World } from '../run/workload.ts';
import { findTable, newestBatch } from './batch.ts';
import { readState } from './state/state.ts';

/** The number of parts is the state's: it was divided by it. */
export async function pinConfig(
  world: World,
  config: RollupConfig,
  _claimed: ClaimedSources,
): Promise<RollupConfig> {
  const newest = newestBatch(await findTable(world, config), 'main');
  if (newest === undefined) return config;
  const { parts } = await readState(world.warehouse, newest);
  return { ...config, state: { ...config.state, parts } };
}
