import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SummaryConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import { currentSchema, loadTable, snapshotById, type Table } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { changedRun, summaryShape } from '../tables/columns.ts';
import { type Role, tableIdentifier } from '../tables/tables.ts';
import { differingFiles } from './files.ts';
import { compareRows, type MonthDifference, type RowDifference } from './rows.ts';

export type { MonthDifference, RowDifference } from './rows.ts';

export interface TableDifference {
  readonly role: Role;
  /** `namespace.name`. */
  readonly table: string;
  /** Decimal text; undefined when that side has no snapshot. */
  readonly fromSnapshotId: string | undefined;
  readonly toSnapshotId: string | undefined;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly months: readonly MonthDifference[];
  /** Changed rows in which the column differs, most first. */
  readonly columns: readonly { readonly name: string; readonly rows: number }[];
  readonly examples: readonly RowDifference[];
  /** Files that both sides share were not read. */
  readonly files: { readonly shared: number; readonly compared: number };
}

export interface DiffOptions {
  /** Default: summary and latest. */
  readonly roles?: readonly Role[];
  /** Changed rows to show per table. Default 10. */
  readonly examples?: number;
  /** Columns whose difference does not count. Default: the column that names the run. */
  readonly ignored?: readonly string[];
}

/** Rows of either side that one statement compares; bounds memory together with the session's limit. */
const batchRows = 400_000;

/**
 * Compares two branches, tags or snapshots row by row. Only files that differ are read, a batch of cells at a time.
 * @throws UsageError when a name is neither a branch, a tag nor a snapshot of the table
 */
export async function diffBranches(
  world: World,
  config: SummaryConfig,
  from: string,
  to: string,
  options: DiffOptions = {},
): Promise<readonly TableDifference[]> {
  const differences: TableDifference[] = [];
  for (const role of options.roles ?? (['summary', 'latest'] as const)) {
    differences.push(await diffTable(world, config, role, from, to, options));
  }
  return differences;
}

async function diffTable(
  world: World,
  config: SummaryConfig,
  role: Role,
  from: string,
  to: string,
  options: DiffOptions,
): Promise<TableDifference> {
  const shape = summaryShape(config);
  const identifier = tableIdentifier(config, role);
  const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
  const name = `${identifier.namespace}.${identifier.name}`;
  const fromSnapshotId = resolveSnapshot(table, name, from);
  const toSnapshotId = resolveSnapshot(table, name, to);
  const files = await differingFiles({
    store: world.warehouse,
    table,
    fromSnapshotId,
    toSnapshotId,
    batchRows,
  });
  await using session = await world.engine.open({
    ...world.resources,
    workFolder: join(world.workRoot, `diff-${randomBytes(4).toString('hex')}`),
  });
  const months = new Map<string, MonthDifference>();
  const columns = new Map<string, number>();
  const examples: RowDifference[] = [];
  for (const batch of files.batches) {
    const found = await compareRows({
      store: world.warehouse,
      session,
      schema: currentSchema(table),
      identity: role === 'latest' ? [shape.key.name] : [shape.key.name, shape.month.name],
      month: shape.month.name,
      ignored: options.ignored ?? [changedRun],
      batch,
      examples: Math.max(0, (options.examples ?? 10) - examples.length),
    });
    for (const one of found.months) months.set(one.month, addMonths(months.get(one.month), one));
    for (const [column, rows] of found.columns) columns.set(column, (columns.get(column) ?? 0) + rows);
    examples.push(...found.examples);
  }
  const byMonth = [...months.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
  const sum = (kind: 'added' | 'removed' | 'changed') => byMonth.reduce((total, one) => total + one[kind], 0);
  return {
    role,
    table: name,
    fromSnapshotId: fromSnapshotId?.toString(),
    toSnapshotId: toSnapshotId?.toString(),
    added: sum('added'),
    removed: sum('removed'),
    changed: sum('changed'),
    months: byMonth,
    columns: [...columns]
      .map(([column, rows]) => ({ name: column, rows }))
      .sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1)),
    examples,
    files: {
      shared: files.sharedFiles,
      compared: files.batches.reduce((total, batch) => total + batch.from.length + batch.to.length, 0),
    },
  };
}

/** @throws UsageError with the names that the table has */
function resolveSnapshot(table: Table, name: string, wanted: string): bigint | undefined {
  const ref = table.metadata.refs[wanted];
  if (ref !== undefined) return ref.snapshotId;
  if (/^\d{1,19}$/.test(wanted) && snapshotById(table, BigInt(wanted)) !== undefined) return BigInt(wanted);
  if (wanted === 'main') return undefined;
  const refs = Object.keys(table.metadata.refs).sort().join(', ') || 'none';
  throw new UsageError(`${name} has no branch, tag or snapshot ${wanted}; branches and tags: ${refs}`);
}

function addMonths(before: MonthDifference | undefined, one: MonthDifference): MonthDifference {
  return {
    month: one.month,
    added: (before?.added ?? 0) + one.added,
    removed: (before?.removed ?? 0) + one.removed,
    changed: (before?.changed ?? 0) + one.changed,
  };
}
