import {
  currentSchema,
  findSnapshotByProperty,
  liveFiles,
  snapshotById,
  type Table,
} from '../../../iceberg/index.ts';
import type { ScanFile } from '../../../iceberg/types.ts';
import { commitKeys } from '../../../run/publish/table-change.ts';
import type { AuditReport, Plan } from '../../../run/workload.ts';
import { normalizeLocation } from '../../../stores/location.ts';
import type { Location, ObjectStore } from '../../../stores/ports.ts';
import { gone } from '../../audit/verify.ts';
import { findTable } from '../../batch.ts';
import { batchKeys, readState } from '../../state/state.ts';
import type { RollupContext } from '../../types.ts';
import type { RepairPlanFacts } from '../types.ts';
import { auditChange } from './audit.ts';

/**
 * The audit of a repair once more, after the fact: its points and the kept ones, the table before and after it as the
 * snapshots have it, and the states that they name. Believes no checkpoint.
 * @throws PinnedSnapshotExpiredError when something of that is not kept any more
 */
export async function verifyRepair(
  context: RollupContext,
  plan: Plan,
  options: { readonly sampleSize: number },
): Promise<AuditReport> {
  const { warehouse: store, results } = context.world;
  const facts = plan.workload as RepairPlanFacts;
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
  const parent = own.parentSnapshotId === undefined ? undefined : snapshotById(table, own.parentSnapshotId);
  if (parent === undefined) throw gone(context, 'the snapshot before it');
  const need = async (where: ObjectStore, location: Location, what: string) => {
    if ((await where.head(location)) === undefined) throw gone(context, `${what} (${location})`);
  };
  const { [batchKeys.state]: state = '', [batchKeys.digest]: digest = '' } = own.summary;
  await need(store, state, 'its state');
  await need(store, facts.previous.state, 'the state before it');
  await need(results, facts.points, 'its points');
  await need(results, facts.retained, 'the list of kept points');
  const before = await filesOf(store, table, parent.snapshotId);
  const after = await filesOf(store, table, own.snapshotId);
  const known = new Set(before.map(({ location }) => normalizeLocation(location)));
  const there = new Set(after.map(({ location }) => normalizeLocation(location)));
  return await auditChange(context, plan, {
    before,
    schema: currentSchema(table),
    added: after.filter(({ location }) => !known.has(normalizeLocation(location))),
    removed: before
      .map(({ location }) => location)
      .filter((location) => !there.has(normalizeLocation(location))),
    state: await readState(store, { batch: facts.batch, state, digest }),
    series: options.sampleSize,
  });
}

async function filesOf(
  store: ObjectStore,
  table: Table,
  snapshotId: bigint,
): Promise<readonly ScanFile['file'][]> {
  const files: ScanFile['file'][] = [];
  for await (const { file } of liveFiles({ store, table, snapshotId, statistics: false })) files.push(file);
  return files;
}
