import { PinnedSnapshotExpiredError } from '../../errors.ts';
import {
  currentSchema,
  findSnapshotByProperty,
  liveFiles,
  type Schema,
  snapshotById,
  type Table,
  withMissingColumns,
} from '../../iceberg/index.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { scanned } from '../../upkeep/live-rows.ts';
import { auditBuckets } from '../audit/audit.ts';
import { type BucketSpool, openBucketSpool } from '../audit/spool.ts';
import { roles, type SpoolLine, type StateFile, stateFileOf, type TableState } from '../audit/state.ts';
import { findTable } from '../tables/pin-config.ts';
import { type Role, tableIdentifier, targetTables } from '../tables/tables.ts';
import { verifyTask } from '../tasks/run.ts';
import { summaryTask } from '../tasks/tasks.ts';
import type { SummaryContext } from '../types.ts';

export { verifyTables } from './tables.ts';

interface Published extends TableState {
  readonly publishedSnapshotId: bigint | undefined;
}

/**
 * The audit once more, after the fact: from the run's prepared rows and the snapshot before it, against the snapshot
 * that readers got. Believes no checkpoint; all carried rows are read again.
 * @throws PinnedSnapshotExpiredError when the snapshot before the run is gone: `verify` of the whole tables still works
 */
export async function verifyRun(
  context: SummaryContext,
  plan: Plan,
  options: { readonly sampleSize: number },
): Promise<AuditReport> {
  const tables = await publishedTables(context, plan);
  await using spool = await spoolPublished(context, tables);
  const task = summaryTask(context);
  if (task !== undefined) return await verifyTask({ context, plan, tables, spool }, task);
  return await auditBuckets({ context, tables, spool, sampleSize: options.sampleSize });
}

async function publishedTables(
  context: SummaryContext,
  plan: Plan,
): Promise<Readonly<Record<Role, Published>>> {
  const states = await Promise.all(
    roles.map(async (role): Promise<[Role, Published]> => {
      const identifier = tableIdentifier(context.config, role);
      const name = `${identifier.namespace}.${identifier.name}`;
      const table = await findTable(context.world, context.config, role);
      const pin = plan.pins.find((one) => one.table === name)?.snapshotId;
      const snapshotId = pin === undefined || pin === null ? undefined : BigInt(pin);
      if (table === undefined) {
        return [
          role,
          {
            role,
            table,
            schema: { schemaId: 0, fields: fieldsOf(context, role) },
            snapshotId,
            publishedSnapshotId: undefined,
          },
        ];
      }
      mustBeThere(context, table, name, snapshotId);
      const own = findSnapshotByProperty({
        table,
        branch: context.branch,
        key: commitKeys.runId,
        value: context.runId,
      });
      // A table that the run had nothing to change in stands as it was pinned.
      return [
        role,
        {
          role,
          table,
          schema: currentSchema(withMissingColumns(table, fieldsOf(context, role))),
          snapshotId,
          publishedSnapshotId: own?.snapshotId ?? snapshotId,
        },
      ];
    }),
  );
  return Object.fromEntries(states) as Record<Role, Published>;
}

/** Columns that the table will have when it is made. */
function fieldsOf(context: SummaryContext, role: Role): Schema['fields'] {
  return (
    targetTables(context.config, context.world.warehouse.root).find((one) => one.role === role)?.fields ?? []
  );
}

function mustBeThere(
  context: SummaryContext,
  table: Table,
  name: string,
  snapshotId: bigint | undefined,
): void {
  if (snapshotId === undefined || snapshotById(table, snapshotId) !== undefined) return;
  throw new PinnedSnapshotExpiredError(
    `snapshot ${snapshotId} of ${name}, before run ${context.runId}, has expired`,
    {
      details: { table: name, snapshotId: String(snapshotId) },
      safe: 'nothing is wrong with the tables; only this comparison cannot be made any more',
      next: 'partwise verify --full',
    },
  );
}

/** The difference of two snapshots in the form of a run's changes. */
async function spoolPublished(
  context: SummaryContext,
  tables: Readonly<Record<Role, Published>>,
): Promise<BucketSpool<SpoolLine>> {
  const store = context.world.warehouse;
  const spool = await openBucketSpool<SpoolLine>(`${context.world.workRoot}/${context.runId}`);
  for (const role of roles) {
    const { table, snapshotId, publishedSnapshotId } = tables[role];
    if (table === undefined) continue;
    const before = new Map<Location, { readonly bucket: number; readonly file: StateFile }>();
    for await (const scan of liveFiles({ store, table, snapshotId, statistics: false })) {
      const file = stateFileOf(role, scan.file, scanned(scan).deletes);
      const bucket = Number(scan.file.partition.at(-1) ?? 0);
      before.set(file.location, { bucket, file });
      await spool.add(bucket, { kind: 'before', role, file });
    }
    for await (const scan of liveFiles({
      store,
      table,
      snapshotId: publishedSnapshotId,
      statistics: false,
    })) {
      const file = stateFileOf(role, scan.file, scanned(scan).deletes);
      const bucket = Number(scan.file.partition.at(-1) ?? 0);
      const old = before.get(file.location);
      before.delete(file.location);
      if (old === undefined) {
        await spool.add(bucket, { kind: 'added', role, file });
        continue;
      }
      for (const location of old.file.deletes) {
        if (!file.deletes.includes(location))
          await spool.add(bucket, { kind: 'removedDeletes', role, location });
      }
      const added = scan.deletes.filter(
        (one) => !old.file.deletes.includes(normalizeLocation(one.file.location)),
      );
      for (const one of added) {
        const deleteFile = stateFileOf(role, one.file, []);
        await spool.add(bucket, { kind: 'addedDeletes', role, file: deleteFile, referenced: file.location });
      }
    }
    for (const [location, { bucket }] of before) await spool.add(bucket, { kind: 'removed', role, location });
  }
  return spool;
}
