import type { RollupConfig } from '../config/schema.ts';
import { CorruptStateError } from '../errors.ts';
import { ancestors, currentSnapshot, loadTableIfExists, type Table } from '../iceberg/index.ts';
import type { BatchDecision, BatchRequest } from '../run/intake/batch.ts';
import type { World } from '../run/workload.ts';
import { mustFitBatches, mustFitTable } from './fits-table.ts';
import { batchAt, rulesOf, watermark } from './rules.ts';
import { batchKeys, type CommittedBatch, readState } from './state/state.ts';
import { tableIdentifier } from './tables.ts';

/** The table; undefined before the first batch. */
export async function findTable(world: World, config: RollupConfig): Promise<Table | undefined> {
  return await loadTableIfExists({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(config),
  });
}

/**
 * The newest batch on the branch: what its newest ancestor says that carries one. Snapshots without one, such as other
 * writers' compactions, may lie on top.
 */
export function newestBatch(table: Table | undefined, branch: string): CommittedBatch | undefined {
  if (table === undefined) return undefined;
  const head = currentSnapshot(table, branch) ?? currentSnapshot(table);
  if (head === undefined) return undefined;
  for (const snapshot of ancestors(table, head.snapshotId)) {
    const number = snapshot.summary[batchKeys.batch];
    if (number === undefined) continue;
    const state = snapshot.summary[batchKeys.state];
    const digest = snapshot.summary[batchKeys.digest];
    if (state === undefined || digest === undefined || !/^\d+$/.test(number)) {
      throw new CorruptStateError(`snapshot ${snapshot.snapshotId} names batch ${number} without its state`, {
        safe: 'the table is untouched',
      });
    }
    return { batch: Number(number), state, digest, snapshotId: String(snapshot.snapshotId) };
  }
  return undefined;
}

/**
 * The batch after the branch's newest one; at the very first, the one that the oldest file arrived in. It is due when
 * its end is over, or at once for a flush when files wait or windows are open.
 * @throws ConfigError when the pipeline does not go on from the table
 */
export async function nextBatch(
  world: World,
  config: RollupConfig,
  request: BatchRequest,
): Promise<BatchDecision> {
  const rules = rulesOf(config);
  const table = await findTable(world, config);
  if (table !== undefined) mustFitTable(table, config);
  const newest = newestBatch(table, request.branch);
  const state = newest === undefined ? undefined : await readState(world.warehouse, newest);
  if (state !== undefined) mustFitBatches(state, config);
  if (newest === undefined && request.oldestArrivalMs === undefined) return { due: false, endMs: undefined };
  const number = newest === undefined ? batchAt(rules, request.oldestArrivalMs ?? 0) : newest.batch + 1;
  const endMs = watermark(rules, number);
  const { untilMs, flush, newestArrivalMs } = request;
  const isAnythingLeft =
    newestArrivalMs !== undefined || (state?.hot.length ?? 0) + (state?.part.length ?? 0) > 0;
  if (endMs > untilMs && !(flush && isAnythingLeft)) return { due: false, endMs };
  const previous = newest;
  if (endMs > untilMs) {
    // Before its time: it ends at the flush, so that nothing closes that is still to come.
    const watermarkMs = Math.min(endMs, Math.max(untilMs, watermark(rules, number - 1)));
    return { due: true, batch: { number, watermarkMs, flush, previous } };
  }
  // Of batches that are due, those before the last close as they always do; and so does the last when more waits behind it.
  const isLast = watermark(rules, number + 1) > untilMs;
  const isAll = newestArrivalMs === undefined || newestArrivalMs < endMs;
  return { due: true, batch: { number, watermarkMs: endMs, flush: flush && isLast && isAll, previous } };
}
