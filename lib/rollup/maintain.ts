import type { RollupConfig } from '../config/schema.ts';
import { parseDurationMs } from '../config/sizes.ts';
import type { World } from '../run/workload.ts';
import { keepTables, type MaintainOptions } from '../upkeep/maintain.ts';
import { rollupShape } from './columns.ts';
import { reapState } from './reap-state.ts';
import { tableIdentifier } from './tables.ts';
import type { RollupContext } from './types.ts';

/** A cell has many small files when it has more: every batch leaves one per unit in the cells of its windows. */
const maxSmallFiles = 8;
/** Nothing of ours deletes rows; other writers may. */
const maxDeadFraction = 0.3;

/**
 * After a publish to main, by policy. Main must not move under a branch that is to take its place, and compaction moves
 * it. The caller holds the pipeline's lease.
 */
export async function maintain(context: RollupContext): Promise<readonly string[]> {
  if (context.branch !== 'main') return [];
  return maintainRollups(context.world, context.config, { apply: true, publishedRunId: context.runId });
}

/**
 * Compacts cells (a `replace` commit that says nothing of batches), expires snapshots and removes orphan files, of the
 * table and of its states. A snapshot lives as long as its state, so that a replay finds both. The caller holds the
 * pipeline's lease.
 */
export async function maintainRollups(
  world: World,
  config: RollupConfig,
  options: MaintainOptions = {},
): Promise<readonly string[]> {
  const shape = rollupShape(config);
  const table = {
    identifier: tableIdentifier(config),
    sortBy: [shape.shard.name, shape.series.name, 'window_ts'],
    sortOrderId: 1,
    maxSmallFiles,
    maxDeadFraction,
  };
  const leastAgeMs = parseDurationMs(config.state.keepFor);
  const lines = await keepTables({ ...options, world, config, tables: [table], leastAgeMs });
  if (options.parts?.includes('orphans') === false) return lines;
  return [...lines, ...(await reapState(world, config, options))];
}
