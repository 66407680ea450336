import { ConfigError } from '../../errors.ts';
import { findSnapshotByProperty, type Table } from '../../iceberg/index.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { SummaryContext } from '../types.ts';
import { bucketsOf, findTable, storedBuckets } from './pin-config.ts';
import { roles } from './tables.ts';

/**
 * A run that has published is done, whatever became of the tables by itself or later. What else of the tables has changed is for the
 * next plan, and for the publish, to judge: a column more does not keep rows from fitting.
 * @throws ConfigError when the tables are for another number of buckets by now than the run's rows
 */
export async function mustBePlannable(context: SummaryContext): Promise<void> {
  const { world, config } = context;
  const summary = await findTable(world, config, 'summary');
  if (summary === undefined || bucketsOf(summary) === config.tables.buckets) return;
  if (!(await hasPublished(context))) refuseOtherBuckets(summary, context);
}

/** Not every run changes summary: a repair writes latest alone. */
async function hasPublished({ world, config, branch, runId }: SummaryContext): Promise<boolean> {
  for (const role of roles) {
    const table = await findTable(world, config, role);
    if (table === undefined) continue;
    if (findSnapshotByProperty({ table, branch, key: commitKeys.runId, value: runId }) !== undefined)
      return true;
  }
  return false;
}

/** Another run may have created the table since this run's rows were prepared for a number of buckets. */
export function refuseOtherBuckets(
  summary: Table,
  { config, runId }: Pick<SummaryContext, 'config' | 'runId'>,
): void {
  const { buckets: _, ...tables } = config.tables;
  const stored = storedBuckets(summary, { ...config, tables });
  if (stored === config.tables.buckets) return;
  throw new ConfigError(
    `the run was begun for ${config.tables.buckets} buckets and another run has made the tables with ${stored} since; cancel this run, and the next one takes its files`,
    { safe: 'the tables are untouched', next: `partwise cancel ${runId}` },
  );
}
