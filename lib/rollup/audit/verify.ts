import { PinnedSnapshotExpiredError } from '../../errors.ts';
import { currentSchema, findSnapshotByProperty, liveFiles } from '../../iceberg/index.ts';
import type { DataFile } from '../../iceberg/types.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import { findTable } from '../batch.ts';
import { allParts } from '../plan/part-range.ts';
import { batchKeys, readState, type StateFile, type StateFiles } from '../state/state.ts';
import type { RollupContext, RollupPlanFacts } from '../types.ts';
import { auditBatch, sourcesOf } from './audit.ts';

/** Points that are recomputed at most: some seconds of work. */
const samplePoints = 2_000_000;
const countedPoints = 20_000_000;

/**
 * The audit once more, after the fact: from the run's prepared points and the state before it, against the snapshot that
 * readers got and the state that it names. Believes no checkpoint.
 * @throws PinnedSnapshotExpiredError when what the batch was made from, or what it made, is not kept any more
 */
export async function verifyRun(
  context: RollupContext,
  plan: Plan,
  options: { readonly sampleSize: number },
): Promise<AuditReport> {
  const { warehouse } = context.world;
  const facts = plan.workload as RollupPlanFacts;
  const table = await findTable(context.world, context.config);
  const own =
    table === undefined
      ? undefined
      : findSnapshotByProperty({
          table,
          branch: context.branch,
          key: commitKeys.runId,
          value: context.runId,
        });
  if (table === undefined || own === undefined) throw gone(context, 'the snapshot that it published');
  const location = own.summary[batchKeys.state];
  const digest = own.summary[batchKeys.digest];
  if (location === undefined || digest === undefined) throw gone(context, 'the state in its snapshot');
  await mustBeThere(context, facts, location);
  const state = await readState(warehouse, { batch: facts.batch, state: location, digest });
  const added: DataFile[] = [];
  for await (const scan of liveFiles({
    store: warehouse,
    table,
    snapshotId: own.snapshotId,
    statistics: false,
  }))
    if (scan.snapshotId === own.snapshotId) added.push(scan.file);
  return await auditBatch(context, plan, {
    added,
    written: without(state, facts.carried),
    reported: undefined,
    range: allParts(facts),
    schema: currentSchema(table),
    sample: { series: options.sampleSize, points: samplePoints, counted: countedPoints },
  });
}

function without(state: StateFiles, carried: StateFiles): StateFiles {
  const left = (files: readonly StateFile[], others: readonly StateFile[]) =>
    files.filter((file) => !others.some((other) => other.location === file.location));
  return {
    hot: left(state.hot, carried.hot),
    tails: left(state.tails, carried.tails),
    part: left(state.part, carried.part),
  };
}

/** What only this comparison needs; what the state after it lacks is a finding and not a refusal. */
async function mustBeThere(context: RollupContext, facts: RollupPlanFacts, state: Location): Promise<void> {
  const { results, warehouse } = context.world;
  const need = async (store: ObjectStore, location: Location, what: string) => {
    if ((await store.head(location)) === undefined) throw gone(context, `${what} (${location})`);
  };
  await need(warehouse, state, 'its state');
  await need(results, facts.sources, 'the list of its prepared points');
  for (const source of await sourcesOf(context, facts)) {
    await need(results, source.location, 'prepared points');
    await need(results, source.labels, 'prepared points');
  }
  if (facts.previous === null) return;
  await need(warehouse, facts.previous.state, 'the state before it');
  const before = await readState(warehouse, facts.previous);
  for (const file of [...before.hot, ...before.tails, ...before.part])
    await need(warehouse, file.location, 'the state before it');
}

export function gone({ runId }: RollupContext, what: string): PinnedSnapshotExpiredError {
  return new PinnedSnapshotExpiredError(`run ${runId} cannot be verified any more: ${what} is gone`, {
    details: { runId, gone: what },
    safe: 'nothing is wrong with the table; only this comparison cannot be made any more',
    next: 'partwise verify --full',
  });
}
