import { currentSnapshot, loadTable, snapshotById } from '../../iceberg/index.ts';
import type { TableIdentifier } from '../../stores/ports.ts';
import type { Plan, RunContext } from '../workload.ts';

/** What became of the tables that a plan is pinned to. */

/** Whether any of them has other metadata by now, whatever that says. */
export async function hasMoved({ world }: RunContext, { pins }: Plan): Promise<boolean> {
  for (const { table, metadataLocation } of pins)
    if ((await world.catalog.current(identifierOf(table))) !== metadataLocation) return true;
  return false;
}

/** What has moved since the plan was made, in words. */
export async function pinDifferences(context: RunContext, plan: Plan): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const pin of plan.pins) {
    const location = await context.world.catalog.current(identifierOf(pin.table));
    if (location === pin.metadataLocation) continue;
    if (location === undefined) {
      differences.push(`${pin.table}: the table was dropped`);
      continue;
    }
    const table = await loadTable({
      store: context.world.warehouse,
      catalog: context.world.catalog,
      identifier: identifierOf(pin.table),
    });
    const now = String(
      (currentSnapshot(table, context.branch) ?? currentSnapshot(table))?.snapshotId ?? 'none',
    );
    if (table.metadata.tableUuid !== pin.uuid)
      differences.push(`${pin.table}: the table was created or replaced`);
    else if (now !== (pin.snapshotId ?? 'none'))
      differences.push(`${pin.table}: snapshot ${pin.snapshotId ?? 'none'} -> ${now}`);
  }
  return differences;
}

/** Pinned snapshots that are no longer in their table's metadata: their files may be gone. */
export async function expiredPins(context: RunContext, plan: Plan): Promise<readonly string[]> {
  const expired: string[] = [];
  for (const pin of plan.pins) {
    if (pin.snapshotId === undefined) continue;
    const table = await loadTable({
      store: context.world.warehouse,
      catalog: context.world.catalog,
      identifier: identifierOf(pin.table),
    });
    if (snapshotById(table, BigInt(pin.snapshotId)) === undefined)
      expired.push(`${pin.table}: snapshot ${pin.snapshotId} expired`);
  }
  return expired;
}

export function identifierOf(table: string): TableIdentifier {
  const dot = table.indexOf('.');
  return { namespace: table.slice(0, dot), name: table.slice(dot + 1) };
}
