import { ConfigError } from '../../errors.ts';
import { findSnapshotByProperty, type Table } from '../../iceberg/index.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { SummaryContext } from '../types.ts';
import { findTable, storedBuckets } from './pin-config.ts';

/**
 * A run that has published is done, whatever became of the tables by itself or later.
 * @throws ConfigError when the tables are for another number of buckets by now than the run's rows
 */
export async function mustBePlannable(context: SummaryContext): Promise<void> {
  const { world, config, branch, runId } = context;
  const summary = await findTable(world, config, 'summary');
  if (summary === undefined) return;
  const own = findSnapshotByProperty({ table: summary, branch, key: commitKeys.runId, value: runId });
  if (own === undefined) refuseOtherBuckets(summary, context);
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
