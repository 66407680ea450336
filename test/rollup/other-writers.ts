import { rename } from 'node:fs/promises';
import { identifier, text } from '../../lib/engine/sql.ts';
import {
  commitStaged,
  currentSchema,
  currentSnapshot,
  liveFiles,
  setRef,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import { tableOf } from './checks.ts';
import type { RollupProduct } from './product.ts';

/** A commit without rows, as another engine makes it. */
export async function commitOf(
  product: RollupProduct,
  summary: Readonly<Record<string, string>>,
): Promise<void> {
  const { world } = product;
  const table = await tableOf(product);
  const staged = await stageCommit({
    store: world.warehouse,
    table,
    clock: world.clock,
    operation: 'replace',
    changes: {},
    summary,
  });
  await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
}

/** As Spark's rollback_to_snapshot does it, to the commit of the batch. */
export async function rollBack(product: RollupProduct, batch: number): Promise<void> {
  const { metadata } = await tableOf(product);
  const snapshot = metadata.snapshots.find((one) => one.summary['partwise.batch'] === String(batch));
  if (snapshot === undefined) throw new TypeError(`no batch ${batch}`);
  await pointAtSnapshot(product, 'main', snapshot.snapshotId);
}

/** Makes a branch at the head of main. */
export async function branchOff(product: RollupProduct, name: string): Promise<void> {
  const head = (await tableOf(product)).metadata.refs['main'];
  if (head === undefined) throw new TypeError('main has no snapshot');
  await pointAtSnapshot(product, name, head.snapshotId);
}

async function pointAtSnapshot(product: RollupProduct, name: string, snapshotId: bigint): Promise<void> {
  const { world } = product;
  const table = await tableOf(product);
  const ref = { type: 'branch', snapshotId } as const;
  const staged = await setRef({ store: world.warehouse, table, clock: world.clock, name, ref });
  await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
}

/** Gives all rows of a resolution other values, SQL by column, behind everybody's back: files keep their names. */
export async function changeRows(
  product: RollupProduct,
  resolutionMs: number,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const { world } = product;
  const table = await tableOf(product);
  const snapshotId = currentSnapshot(table, 'main')?.snapshotId;
  if (snapshotId === undefined) throw new TypeError('main has no snapshot');
  const changes = Object.entries(values).map(([column, value]) => `${value} AS ${identifier(column)}`);
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/change-rows`,
  });
  for await (const { file } of liveFiles({ store: world.warehouse, table, snapshotId })) {
    if (Number(file.partition[0]) !== resolutionMs) continue;
    const path = await world.warehouse.localPath(file.location);
    const [written] = await session.writeParquet({
      select: `SELECT * REPLACE (${changes.join(', ')}) FROM read_parquet(${text(path)}, hive_partitioning = false)`,
      path: `${session.workFolder}/changed.parquet`,
      fieldIds: fieldIds(currentSchema(table)),
    });
    if (written !== undefined) await rename(written.path, path);
  }
}
