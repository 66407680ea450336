import type { SummaryConfig } from '../../config/schema.ts';
import { TableNotFoundError } from '../../errors.ts';
import type { Table } from '../../iceberg/index.ts';
import { commitRecord, followsProperty } from '../../run/publish/roll-forward.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { World } from '../../run/workload.ts';
import { filesByBucket } from '../plan/files.ts';
import { refuseFarBuckets } from '../tables/far-buckets.ts';
import { findTable } from '../tables/pin-config.ts';
import type { Role } from '../tables/tables.ts';
import type { BucketScope } from '../tasks/tasks.ts';
import type { FileSpec } from '../types.ts';
import { suspectBuckets } from './suspects.ts';

/** The tables that a repair looks at, with their live files by bucket. */
export interface RepairTables {
  readonly summary: Table;
  readonly latest: Table | undefined;
}

/** @throws TableNotFoundError when there is no summary: latest is made from it */
export async function repairTables(world: World, config: SummaryConfig): Promise<RepairTables> {
  const summary = await findTable(world, config, 'summary');
  if (summary === undefined)
    throw new TableNotFoundError(`pipeline ${config.pipeline} has no summary table yet`, {
      safe: 'nothing was changed',
      next: 'partwise run FILE',
    });
  return { summary, latest: await findTable(world, config, 'latest') };
}

export interface ChosenBuckets {
  /** Ascending. */
  readonly buckets: readonly number[];
  /** Why these, for people. */
  readonly reasons: readonly string[];
}

interface ChooseOptions {
  readonly world: World;
  readonly config: SummaryConfig;
  readonly branch: string;
  readonly tables: RepairTables;
  readonly scope: BucketScope;
}

/** Buckets to look at, and why. `config.tables.buckets` must be set. */
export async function chooseRepairBuckets(options: ChooseOptions): Promise<ChosenBuckets> {
  const { world, config, branch, tables, scope } = options;
  const count = config.tables.buckets ?? 1;
  const every = Array.from({ length: count }, (_, bucket) => bucket);
  const ahead = laggedRun(tables, branch);
  if (ahead !== undefined)
    return {
      buckets: every,
      reasons: [`latest lags behind run ${ahead}, and another writer has changed it since`],
    };
  if (scope === 'all') return { buckets: every, reasons: [`every one of ${count} buckets was asked for`] };
  if (scope !== 'suspect') {
    refuseFarBuckets(scope, count);
    return { buckets: [...scope].sort((a, b) => a - b), reasons: ['named on the command line'] };
  }
  if (tables.latest === undefined) return { buckets: every, reasons: ['there is no table latest yet'] };
  const suspects = await suspectBuckets({ store: world.warehouse, branch, ...tables, latest: tables.latest });
  const buckets = suspects.buckets === 'all' ? every : [...suspects.buckets].sort((a, b) => a - b);
  const reasons = suspects.snapshots
    .slice(0, shownSnapshots)
    .map(({ table, snapshotId }) => `another writer changed rows of ${table} in snapshot ${snapshotId}`);
  if (suspects.snapshots.length > shownSnapshots)
    reasons.push(`and in ${suspects.snapshots.length - shownSnapshots} more snapshots`);
  if (suspects.snapshots.length === 0) reasons.push('no snapshot of another writer has changed rows');
  if (suspects.unseen.length > 0)
    reasons.push(
      `older snapshots of ${suspects.unseen.join(' and ')} have expired: only --all sees what they changed`,
    );
  return { buckets, reasons };
}

const shownSnapshots = 5;

/** The run whose summary is published and whose latest is not, where the catalog swaps one table at a time. */
function laggedRun({ summary, latest }: RepairTables, branch: string): string | undefined {
  const record = commitRecord(summary, branch);
  if (record === undefined || latest === undefined) return undefined;
  const follows = latest.metadata.properties[followsProperty(branch)];
  if (follows === String(record.snapshotId)) return undefined;
  return record.summary[commitKeys.runId] ?? 'of another process';
}

/** Live files of the chosen buckets. */
export async function repairFiles(
  options: Pick<ChooseOptions, 'world' | 'config' | 'branch' | 'tables'>,
  buckets: ReadonlySet<number>,
): Promise<Readonly<Record<'summary' | 'latest', ReadonlyMap<number, readonly FileSpec[]>>>> {
  const { world, config, branch, tables } = options;
  const filesOf = async (role: Role, table: Table | undefined) =>
    table === undefined
      ? new Map<number, readonly FileSpec[]>()
      : filesByBucket({
          store: world.warehouse,
          table,
          branch,
          key: config.key,
          month: role === 'summary' ? config.month : undefined,
          count: config.tables.buckets ?? 1,
          buckets,
        });
  return {
    summary: await filesOf('summary', tables.summary),
    latest: await filesOf('latest', tables.latest),
  };
}
