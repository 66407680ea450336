import { bucketCount, currentSpec, type PartitionSpec, specFor, type Table } from '../../iceberg/index.ts';
import type { Plan } from '../../run/workload.ts';
import { type UnitTable, unitTable } from '../files/tables-io.ts';
import type { Role } from '../tables/tables.ts';
import type { RewriteFacts, SummaryContext, SummaryPlanFacts } from '../types.ts';

/** The table's spec with N buckets in the place of its own number. */
export function bucketsSpec(table: Table, key: string, to: number): PartitionSpec {
  const fields = currentSpec(table).fields.map((field) => {
    const count = bucketCount(field.transform);
    if (count === undefined || count === to) return field;
    // Under a name of its own: engines show the partition fields of all specs side by side.
    return { sourceId: field.sourceId, name: `${key}_bucket_${to}`, transform: `bucket[${to}]` };
  });
  return specFor(table, fields);
}

export function rewriteFacts(plan: Pick<Plan, 'workload'>): RewriteFacts {
  const { rewrite } = plan.workload as SummaryPlanFacts;
  if (rewrite === undefined) throw new TypeError('the plan rewrites nothing');
  return rewrite;
}

/** The table as units of the stage `rewrite` write it. */
export async function rewriteTable(context: SummaryContext, plan: Plan, role: Role): Promise<UnitTable> {
  const table = await unitTable(context, plan, role);
  const spec = rewriteFacts(plan).specs[role];
  return spec === undefined ? table : { ...table, spec };
}
