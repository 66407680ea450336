import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { RollupConfig } from '../../config/schema.ts';
import { CorruptStateError, TableNotFoundError } from '../../errors.ts';
import { ancestors, currentSchema, currentSnapshot, liveFiles, type Table } from '../../iceberg/index.ts';
import type { DataFile } from '../../iceberg/types.ts';
import type { AuditReport, World } from '../../run/workload.ts';
import { findTable, newestBatch } from '../batch.ts';
import { rollupShape } from '../columns.ts';
import { mustFitTable } from '../fits-table.ts';
import { rulesOf } from '../rules.ts';
import { batchKeys, type RollupState, readState } from '../state/state.ts';
import { auditFiles, columnsOf } from './files.ts';
import { type Findings, findings } from './findings.ts';
import { auditRows } from './rows.ts';
import { soundEstimates } from './verify-sketches.ts';
import { mergesOfPartition, uniqueInPartition } from './verify-windows.ts';
import { publishedView, stateFileColumns } from './views.ts';

/**
 * Whether the table can be what the rules make: rows once and in their partitions, coarser windows the merge of finer
 * ones, batches without a gap, the newest state there. Needs no run and no source; goes by partition.
 * @throws TableNotFoundError when there is no table
 * @throws ConfigError when the pipeline's columns are not the table's
 */
export async function verifyTables(world: World, config: RollupConfig): Promise<AuditReport> {
  const table = await findTable(world, config);
  if (table === undefined)
    throw new TableNotFoundError(`pipeline ${config.pipeline} has no rollup table yet`);
  mustFitTable(table, config);
  const [found, rules, shape] = [findings(), rulesOf(config), rollupShape(config)];
  await using session = await world.engine.open({
    ...world.resources,
    workFolder: join(world.workRoot, `verify-${randomBytes(4).toString('hex')}`),
  });
  const common = { session, findings: found, store: world.warehouse };
  chain(found, table);
  const state = await newestState(world, found, table);
  for (const kind of ['hot', 'tails', 'part'] as const) {
    const columns = stateFileColumns({ shape }, kind);
    await auditFiles({ ...common, check: 'newest state', files: state?.[kind] ?? [], columns });
  }
  const partitions = await partitionsOf(world, found, table);
  const columns = columnsOf(currentSchema(table).fields);
  for (const { files } of partitions) await auditFiles({ ...common, check: 'data files', files, columns });
  // What is not there, or has other columns, cannot be read for the other checks.
  if (found.hasFailed()) return found.report({});
  const closedAfterMs = state?.closedThroughMs ?? null;
  for (const partition of partitions) {
    await publishedView({ ...common, shape, name: 'published', files: partition.files });
    const facts = { closedBeforeMs: null, closedAfterMs };
    await auditRows({ session, findings: found, rules, added: partition.files, facts, context: { world } });
    await uniqueInPartition(session, found);
    await mergesOfPartition({ ...common, shape, rules, partitions, partition, closedAfterMs });
    await soundEstimates({ ...common, view: 'published', sketch: shape.sketch });
  }
  return found.report({ partitions: partitions.length });
}

/** Batches in the snapshots of the branch, newest first, each one less than the one before; a repair is of the one before it. */
function chain(found: Findings, table: Table): void {
  const head = currentSnapshot(table);
  if (head === undefined) return;
  let next: number | undefined;
  found.checked('chain of batches', 0);
  for (const snapshot of ancestors(table, head.snapshotId)) {
    const said = snapshot.summary[batchKeys.batch];
    if (said === undefined) continue;
    found.checked('chain of batches', 1);
    if (next !== undefined) found.same('chain of batches', `the batch before ${next}`, next - 1, said);
    next = snapshot.summary[batchKeys.repair] === undefined ? Number(said) : Number(said) + 1;
  }
}

async function newestState(world: World, found: Findings, table: Table): Promise<RollupState | undefined> {
  const newest = newestBatch(table, 'main');
  if (newest === undefined) return undefined;
  found.checked('newest state', 1);
  try {
    const state = await readState(world.warehouse, newest);
    found.same('newest state', `batch of ${newest.state}`, newest.batch, state.batch);
    return state;
  } catch (error) {
    if (!(error instanceof CorruptStateError)) throw error;
    found.failed('newest state', error.message);
    return undefined;
  }
}

export interface Partition {
  readonly resolutionMs: number;
  /** Days since 1970. */
  readonly day: number;
  readonly files: readonly DataFile[];
}

async function partitionsOf(world: World, found: Findings, table: Table): Promise<readonly Partition[]> {
  const snapshotId = currentSnapshot(table)?.snapshotId;
  const partitions = new Map<string, Partition & { readonly files: DataFile[] }>();
  for await (const { file, deletes } of liveFiles({
    store: world.warehouse,
    table,
    snapshotId,
    statistics: false,
  })) {
    const [resolution, day] = file.partition.map(Number);
    const key = `${resolution}/${day}`;
    const one = partitions.get(key) ?? { resolutionMs: resolution ?? 0, day: day ?? 0, files: [] };
    partitions.set(key, one);
    one.files.push(file);
    if (deletes.length > 0)
      found.failed('data files', `${file.location}: rows of a published window are deleted`);
  }
  return [...partitions.values()].sort((a, b) => a.resolutionMs - b.resolutionMs || a.day - b.day);
}
