import { sideBySide } from '../../run/side-by-side.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import { auditSessions } from '../audit/audit.ts';
import { findings } from '../audit/findings.ts';
import type { BucketSpool } from '../audit/spool.ts';
import {
  bucketState,
  filesAfter,
  pinnedTables,
  type SpoolLine,
  spoolState,
  type TableState,
} from '../audit/state.ts';
import { summaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import { writtenBuckets } from '../tasks/written-buckets.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';
import type { BucketTables } from '../verify/bucket.ts';
import { verifyLatest } from '../verify/latest.ts';
import { repairStage } from './unit.ts';

/** The check between the work of a repair and its publish, by the statements of `verify`. Buckets that stay as they are are not looked at. */
export async function auditRepair(context: SummaryContext, plan: Plan): Promise<AuditReport> {
  const tables = await pinnedTables(context, plan);
  const touchedBuckets = await writtenBuckets(context, plan, repairStage);
  await using spool = await spoolState({ context, plan, tables, touchedBuckets });
  return await verifyRepaired({ context, plan, tables, spool });
}

interface RepairedOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly tables: Readonly<Record<Role, TableState>>;
  readonly spool: BucketSpool<SpoolLine>;
}

/** Holds latest, as it stands after the changes of the spool, to summary in every bucket that the repair wrote. */
export async function verifyRepaired(options: RepairedOptions): Promise<AuditReport> {
  const { context, plan, tables, spool } = options;
  const { world } = context;
  const found = findings();
  const shape = summaryShape(context.config);
  const schemas = new Map((['summary', 'latest'] as const).map((role) => [role, tables[role].schema]));
  const written = new Set(await writtenBuckets(context, plan, repairStage));
  const { buckets } = plan.workload as SummaryPlanFacts;
  await sideBySide(auditSessions(context), spool.buckets(), async (session, [bucket, lines]) => {
    if (!written.has(bucket)) return;
    const state = bucketState(bucket, lines);
    const bucketTables: BucketTables = {
      world,
      session,
      shape,
      findings: found,
      schemas,
      later: new Set(),
      bucket,
      buckets,
      files: (role) => filesAfter(state.roles[role]),
    };
    await verifyLatest(bucketTables);
  });
  return found.report({ buckets: written.size });
}
