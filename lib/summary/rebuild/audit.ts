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
import type { RebuildTask } from '../tasks/tasks.ts';
import { writtenBuckets } from '../tasks/written-buckets.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';
import type { BucketTables } from '../verify/bucket.ts';
import { verifyFiles } from '../verify/files.ts';
import { verifyLatest } from '../verify/latest.ts';
import { auditArrays } from './audit-arrays.ts';
import { auditUnchanged } from './audit-unchanged.ts';
import { rowScope } from './scope.ts';
import { rebuildStage } from './unit.ts';

/** The check between the work of a rebuild and its publish, by statements of its own. Buckets that stay as they are are not looked at. */
export async function auditRebuild(
  context: SummaryContext,
  plan: Plan,
  task: RebuildTask,
): Promise<AuditReport> {
  const tables = await pinnedTables(context, plan);
  const touchedBuckets = await writtenBuckets(context, plan, rebuildStage);
  await using spool = await spoolState({ context, plan, tables, touchedBuckets });
  return await verifyRebuilt({ context, plan, tables, spool }, task);
}

interface RebuiltOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly tables: Readonly<Record<Role, TableState>>;
  readonly spool: BucketSpool<SpoolLine>;
}

/**
 * Of every bucket that the rebuild wrote: nothing but arrays, grids and the run's name differs from before; the arrays of
 * the scope's rows are what the stored months and the rows' own gaps say; latest is what summary says.
 */
export async function verifyRebuilt(options: RebuiltOptions, task: RebuildTask): Promise<AuditReport> {
  const { context, plan, tables, spool } = options;
  const { world, config } = context;
  const found = findings();
  const schemas = new Map((['summary', 'latest'] as const).map((role) => [role, tables[role].schema]));
  const written = new Set(await writtenBuckets(context, plan, rebuildStage));
  const { buckets } = plan.workload as SummaryPlanFacts;
  const scope = rowScope(config, task);
  await sideBySide(auditSessions(context), spool.buckets(), async (session, [bucket, lines]) => {
    if (!written.has(bucket)) return;
    const state = bucketState(bucket, lines);
    const after: BucketTables = {
      world,
      session,
      shape: summaryShape(config),
      findings: found,
      schemas,
      later: new Set(),
      bucket,
      buckets,
      files: (role) => filesAfter(state.roles[role]),
    };
    await verifyFiles({ ...after, files: (role) => (role === 'summary' ? after.files(role) : []) });
    await auditUnchanged({ after, summary: state.roles.summary, runId: context.runId });
    await auditArrays({ after, before: state.roles.summary.before, scope });
    await verifyLatest(after);
  });
  return found.report({ buckets: written.size });
}
