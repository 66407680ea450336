import type { AuditReport, Plan, Published } from '../../run/workload.ts';
import type { BucketSpool } from '../audit/spool.ts';
import type { SpoolLine, TableState } from '../audit/state.ts';
import { auditRebuild, verifyRebuilt } from '../rebuild/audit.ts';
import { planRebuild } from '../rebuild/plan.ts';
import { publishRebuild } from '../rebuild/publish.ts';
import { auditRepair, verifyRepaired } from '../repair/audit.ts';
import { planRepair } from '../repair/plan.ts';
import { publishRepair } from '../repair/publish.ts';
import { auditRewrite } from '../rewrite/audit.ts';
import { planCompact, planRebucket } from '../rewrite/plan.ts';
import { publishRewrite } from '../rewrite/publish.ts';
import { verifyRewritten } from '../rewrite/verify.ts';
import type { Role } from '../tables/tables.ts';
import type { SummaryContext } from '../types.ts';
import type { SummaryTask } from './tasks.ts';

/** The steps of a run that does a task, by its kind. */

export function planTask(context: SummaryContext, task: SummaryTask): Promise<Plan> {
  switch (task.kind) {
    case 'repair-latest':
      return planRepair(context, task);
    case 'rebuild':
      return planRebuild(context, task);
    case 'rebucket':
      return planRebucket(context, task);
    case 'compact':
      return planCompact(context, task);
  }
}

export function auditTask(context: SummaryContext, plan: Plan, task: SummaryTask): Promise<AuditReport> {
  switch (task.kind) {
    case 'repair-latest':
      return auditRepair(context, plan);
    case 'rebuild':
      return auditRebuild(context, plan, task);
    case 'rebucket':
    case 'compact':
      return auditRewrite(context, plan, task);
  }
}

export function publishTask(context: SummaryContext, plan: Plan, task: SummaryTask): Promise<Published> {
  switch (task.kind) {
    case 'repair-latest':
      return publishRepair(context, plan, task);
    case 'rebuild':
      return publishRebuild(context, plan, task);
    case 'rebucket':
    case 'compact':
      return publishRewrite(context, plan, task);
  }
}

interface VerifyOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly tables: Readonly<Record<Role, TableState>>;
  /** The files before the run, and what it changed. */
  readonly spool: BucketSpool<SpoolLine>;
}

/** What a task has published against what was there before. */
export function verifyTask(options: VerifyOptions, task: SummaryTask): Promise<AuditReport> {
  switch (task.kind) {
    case 'repair-latest':
      return verifyRepaired(options);
    case 'rebuild':
      return verifyRebuilt(options, task);
    case 'rebucket':
    case 'compact':
      return verifyRewritten(options);
  }
}
