import type { RollupConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import type { Batch, RepairRequest } from '../../run/intake/batch.ts';
import type { World } from '../../run/workload.ts';
import { findTable, newestBatch } from '../batch.ts';
import { mustFitBatches, mustFitTable } from '../fits-table.ts';
import { rulesOf } from '../rules.ts';
import { readState } from '../state/state.ts';
import { refused } from './refuse.ts';

/**
 * The newest batch of main, to be worked on once more with the points of a repair.
 * @throws UsageError when there is none
 * @throws RepairRefusedError when rows of this table cannot be recomputed
 * @throws ConfigError when the pipeline does not go on from the table
 */
export async function repairBatch(world: World, config: RollupConfig, repair: RepairRequest): Promise<Batch> {
  const table = await findTable(world, config);
  const newest = newestBatch(table, 'main');
  if (table === undefined || newest === undefined)
    throw new UsageError('no batch has been published yet', { next: 'partwise run' });
  mustFitTable(table, config);
  const state = await readState(world.warehouse, newest);
  mustFitBatches(state, config);
  const { resolutionsMs, baseMs } = rulesOf(config);
  if (!resolutionsMs.includes(baseMs))
    throw refused(
      `windows of ${baseMs} ms, the finest common length of the resolutions, are not published, and only their rows say what comes before a point and after it`,
    );
  if (state.closedThroughMs === null)
    throw refused('no window is published yet', { next: 'partwise run FILE takes them like any others' });
  return {
    number: newest.batch,
    watermarkMs: state.watermarkMs,
    flush: false,
    previous: newest,
    repair,
  };
}
