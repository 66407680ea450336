import type { RollupConfig } from '../config/schema.ts';
import { parseDurationMs } from '../config/sizes.ts';
import type { UpkeepPart, World } from '../run/workload.ts';
import { keepTables, type MaintainOptions } from '../upkeep/maintain.ts';
import { findTable } from './batch.ts';
import { rollupShape } from './columns.ts';
import { rulesOf } from './rules.ts';
import { replayable } from './state/living-states.ts';
import { reapState } from './state/reap-state.ts';
import { reapUploads } from './state/reap-uploads.ts';
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
  const parts: readonly UpkeepPart[] = isTimeForOrphans(context)
    ? ['compact', 'expire', 'orphans']
    : ['compact', 'expire'];
  return maintainRollups(context.world, context.config, {
    apply: true,
    parts,
    publishedRunId: context.runId,
  });
}

/** Orphans are looked for by listing all states: once for so many batches as an hour has. */
function isTimeForOrphans({ batch, config }: RollupContext): boolean {
  const batchesAnHour = Math.max(1, Math.floor(3_600_000 / rulesOf(config).batchMs));
  return (batch?.number ?? 0) % batchesAnHour === 0;
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
  const found = await findTable(world, config);
  const keepFor = { now: world.clock.now(), keepForMs: parseDurationMs(config.state.keepFor) };
  const pinned = found === undefined ? [] : replayable(found, keepFor).map(({ snapshotId }) => snapshotId);
  const lines = await keepTables({ ...options, world, config, tables: [{ ...table, pinned }] });
  if (options.parts?.includes('orphans') === false) return lines;
  const uploads = options.apply === true ? await reapUploads(world, config, options.publishedRunId) : [];
  return [...lines, ...uploads, ...(await reapState(world, config, options))];
}
