import {
  currentSnapshot,
  type DataFile,
  liveDeleteFiles,
  liveFiles,
  loadTable,
  type Table,
} from '../../lib/iceberg/index.ts';
import { runContext } from '../../lib/run/context.ts';
import type { RunOutcome } from '../../lib/run/local/local.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import type { RewriteTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyRun, verifyTables } from '../../lib/summary/verify/verify.ts';
import { collect } from '../faults/site.ts';
import { openProduct, type Product } from './product.ts';
import { readTables, type TableRole, tableIdentifier, tableRoles } from './tables.ts';

/** What tests of rewritten cells share. */

/** The same tables under a pipeline file that says this of buckets; nothing when undefined. */
export function withBuckets(product: Product, count: number | undefined): Promise<Product> {
  return openProduct({
    shape: product.shape,
    root: product.world.rootPath,
    document: {
      work: { unitBytes: '32 KB' },
      tables: count === undefined ? {} : { buckets: count },
      maintenance: { auto: false },
    },
  });
}

export function rewrite({ world, config }: Product, task: RewriteTask): Promise<RunOutcome> {
  return runTask({ world, config, task });
}

export const rebucket = (product: Product, buckets: number) =>
  rewrite(product, { kind: 'rebucket', buckets });

export interface TableFiles {
  readonly table: Table;
  readonly data: readonly DataFile[];
  readonly deletes: readonly DataFile[];
}

export async function filesOf({ world }: Product, role: TableRole): Promise<TableFiles> {
  const store = world.warehouse;
  const table = await loadTable({ store, catalog: world.catalog, identifier: tableIdentifier(role) });
  const scan = { store, table, snapshotId: currentSnapshot(table)?.snapshotId };
  const data = (await collect(liveFiles(scan))).map(({ file }) => file);
  return { table, data, deletes: (await collect(liveDeleteFiles(scan))).map(({ file }) => file) };
}

/** Every row of every table with all its columns, in an order of its own. */
export async function everyRow({ world }: Product): Promise<Readonly<Record<TableRole, readonly string[]>>> {
  const stored = await readTables(world);
  const rows = tableRoles.map((role) => [role, stored[role].map((row) => JSON.stringify(row)).sort()]);
  return Object.fromEntries(rows);
}

/** What `verify --full` does not like, under a pipeline file without a number of buckets. */
export async function wrongIn(product: Product) {
  const { buckets: _, ...tables } = product.config.tables;
  const report = await verifyTables(product.world, { ...product.config, tables }, { full: true });
  return report.checks.filter(({ passed }) => !passed);
}

/** What `verify RUN` says of a run that has ended. */
export async function verified({ world, config }: Product, { run, plan }: RunOutcome) {
  if (run === undefined || plan === undefined) throw new Error('there is no run');
  const signal = new AbortController().signal;
  return verifyRun(runContext({ world, run, config, signal, parallelUnits: 1 }), plan, { sampleSize: 10 });
}
