import type { PipelineConfig } from '../config/index.ts';
import { CommitConflictError, TableNotFoundError, UsageError } from '../errors.ts';
import {
  currentSnapshot,
  liveFiles,
  loadTable,
  type ScanFile,
  snapshotById,
  type Table,
} from '../iceberg/index.ts';
import type { WorkloadTable, World } from '../run/workload.ts';
import { workloadOf } from '../run/workloads.ts';
import type { TableIdentifier } from '../stores/ports.ts';
import { didYouMean } from './suggest.ts';

/** A pipeline's tables and what they are for. */
export function tablesOf(config: PipelineConfig): readonly WorkloadTable[] {
  return workloadOf(config).tables(config);
}

export function fullName(identifier: TableIdentifier): string {
  return `${identifier.namespace}.${identifier.name}`;
}

/**
 * The table that a person means by `summary`, `accounts_summary` or `partwise.accounts_summary`.
 * @throws UsageError naming the tables that there are
 */
export async function resolveTable(
  world: World,
  config: PipelineConfig | undefined,
  name: string,
): Promise<TableIdentifier> {
  const known = await world.catalog.list();
  const own = config === undefined ? [] : tablesOf(config);
  const identifier = own.find((one) => one.role === name)?.identifier;
  if (identifier !== undefined) {
    if (known.some((one) => fullName(one) === fullName(identifier))) return identifier;
    throw new TableNotFoundError(`${name} (${fullName(identifier)}) has no rows yet`, {
      next: 'partwise run FILE',
    });
  }
  const match = known.find((one) => fullName(one) === name) ?? known.find((one) => one.name === name);
  if (match !== undefined) return match;
  const names = [...own.map((one) => one.role), ...known.map((one) => one.name), ...known.map(fullName)];
  const listed =
    known.length === 0 ? 'there are no tables yet' : `there are ${known.map(fullName).join(', ')}`;
  throw new UsageError(`there is no table ${name}${didYouMean(name, names)}`, { next: listed });
}

/** How often a publish may come in between before reading gives up. */
const readAttempts = 20;

/**
 * Tables as of one moment. A publish moves all of its pointers at once, so pointers that are the same before and
 * after they were all read belong together.
 */
export async function loadTogether(
  world: World,
  identifiers: readonly TableIdentifier[],
): Promise<readonly Table[]> {
  for (let attempt = 0; attempt < readAttempts; attempt += 1) {
    const tables = await Promise.all(
      identifiers.map((identifier) =>
        loadTable({ store: world.warehouse, catalog: world.catalog, identifier }),
      ),
    );
    const now = await Promise.all(identifiers.map((identifier) => world.catalog.current(identifier)));
    if (tables.every((table, index) => table.metadataLocation === now[index])) return tables;
  }
  throw new CommitConflictError('the tables were published to faster than they could be read', {
    safe: 'nothing was changed',
  });
}

export interface Version {
  readonly branch?: string | undefined;
  readonly snapshot?: string | undefined;
}

/**
 * The snapshot that a branch, or an id, names in this table; undefined when the table has none yet.
 * @throws UsageError when there is no such branch or snapshot
 */
export function snapshotOf(table: Table, version: Version): bigint | undefined {
  const { branch, snapshot } = version;
  if (snapshot !== undefined) {
    const found = /^\d{1,19}$/.test(snapshot) ? snapshotById(table, BigInt(snapshot)) : undefined;
    if (found === undefined) {
      throw new UsageError(`${table.identifier.name} has no snapshot ${snapshot}`, {
        next: 'partwise runs, partwise status RUN',
      });
    }
    return found.snapshotId;
  }
  if (branch !== undefined && branch !== 'main' && !Object.hasOwn(table.metadata.refs, branch)) {
    const names = Object.keys(table.metadata.refs);
    throw new UsageError(
      `${table.identifier.name} has no branch ${branch}${didYouMean(branch, names)}`,
      names.length === 0 ? {} : { next: `there are ${names.join(', ')}` },
    );
  }
  return currentSnapshot(table, branch)?.snapshotId;
}

/** Live data files of a snapshot with their deletes, without statistics. */
export async function scanFiles(
  world: World,
  table: Table,
  snapshotId: bigint | undefined,
): Promise<readonly ScanFile[]> {
  const files: ScanFile[] = [];
  for await (const file of liveFiles({ store: world.warehouse, table, snapshotId, statistics: false }))
    files.push(file);
  return files;
}
