import type { SummaryConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import type { RunContext, Task } from '../../run/workload.ts';

/** What runs of this workload do instead of taking files in. */

/** `suspect`: those in which another writer has changed rows since latest was last made anew. */
export type BucketScope = 'suspect' | 'all' | readonly number[];

/** Makes latest anew from summary where it is not what summary says. */
export interface RepairLatestTask {
  readonly kind: 'repair-latest';
  readonly buckets: BucketScope;
}

/** Makes arrays anew from the values of the months' own rows. One of the two, or both: these keys in these months. */
export interface RebuildTask extends RebuildScope {
  readonly kind: 'rebuild';
}

export interface RebuildScope {
  /** Keys as text. */
  readonly keys?: readonly string[];
  /** Month numbers whose values are to stand right wherever they stand: in the rows of these months, and of the H - 1 after the last. */
  readonly months?: { readonly first: number; readonly last: number };
}

/** Rewrites every row into another number of buckets; nothing of a row changes. */
export interface RebucketTask {
  readonly kind: 'rebucket';
  /** N of the buckets afterwards. */
  readonly buckets: number;
}

/** Rewrites the cells that are in many small files or largely dead, all at once; nothing of a row changes. */
export interface CompactTask {
  readonly kind: 'compact';
  /** Months of summary's cells, as numbers; tables without months are left alone then. Default: all. */
  readonly months?: { readonly first: number; readonly last: number };
  /** Default: all. */
  readonly buckets?: readonly number[];
}

export type RewriteTask = RebucketTask | CompactTask;

export type SummaryTask = RepairLatestTask | RebuildTask | RewriteTask;

export function summaryTask({ task }: Partial<Pick<RunContext, 'task'>>): SummaryTask | undefined {
  return task as SummaryTask | undefined;
}

/** A pipeline file may say the number of buckets that the tables have before, or the one after. @throws UsageError */
export function configForTask(config: SummaryConfig, task: Task): SummaryConfig {
  switch ((task as SummaryTask).kind) {
    case 'repair-latest':
    case 'rebuild':
    case 'compact':
      return config;
    case 'rebucket': {
      const { buckets: _, ...tables } = config.tables;
      return { ...config, tables };
    }
    default:
      throw new UsageError(`a summary pipeline knows no task ${task.kind}`, { safe: 'nothing was changed' });
  }
}
