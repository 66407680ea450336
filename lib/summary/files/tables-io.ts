import { CorruptStateError } from '../../errors.ts';
import { currentSchema, currentSpec, loadTableAt, withMissingColumns } from '../../iceberg/index.ts';
import type { PartitionSpec } from '../../iceberg/types.ts';
import { keep } from '../../run/kept.ts';
import type { Plan } from '../../run/workload.ts';
import { tableEncoding } from '../../upkeep/encoding.ts';
import { type Role, targetTables } from '../tables/tables.ts';
import type { SummaryContext } from '../types.ts';
import type { OutputTable } from './writing.ts';

/** A table of the run as its units see it: the pinned one, or the one that publish will create. */
export interface UnitTable extends OutputTable {
  /** All specs that files of the table may have. */
  readonly specs: readonly PartitionSpec[];
}

const tables = keep<UnitTable>(96);

/** Read once per plan: the pinned metadata does not change. @throws CorruptStateError when the plan has no pin for a table of the pipeline */
export function unitTable(context: SummaryContext, plan: Plan, role: Role): Promise<UnitTable> {
  return tables.get(context.world.warehouse, `${plan.runId}/${plan.digest}/${role}`, () =>
    readTable(context, plan, role),
  );
}

async function readTable(context: SummaryContext, plan: Plan, role: Role): Promise<UnitTable> {
  const target = targetTables(context.config, context.world.warehouse.root).find(
    (table) => table.role === role,
  );
  if (target === undefined) throw new CorruptStateError(`the pipeline has no table ${role}`);
  const name = `${target.identifier.namespace}.${target.identifier.name}`;
  const pin = plan.pins.find((one) => one.table === name);
  if (pin === undefined) throw new CorruptStateError(`the plan of ${plan.runId} says nothing about ${name}`);
  if (pin.metadataLocation === undefined) {
    const spec = { specId: 0, fields: target.partitionFields };
    return {
      location: target.location,
      schema: { schemaId: 0, fields: target.fields },
      spec,
      specs: [spec],
      encoding: tableEncoding(target.properties ?? {}),
    };
  }
  const table = await loadTableAt({
    store: context.world.warehouse,
    identifier: target.identifier,
    metadataLocation: pin.metadataLocation,
  });
  return {
    location: table.metadata.location,
    // With the columns that publish will add: files are written with their ids already.
    schema: currentSchema(withMissingColumns(table, target.fields)),
    spec: currentSpec(table),
    specs: table.metadata.specs,
    encoding: tableEncoding(table.metadata.properties),
  };
}
