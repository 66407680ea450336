import type { SummaryConfig } from '../../config/schema.ts';
import type { Table } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { repairTables } from '../repair/tables.ts';
import { refuseFarBuckets } from '../tables/far-buckets.ts';
import { findTable, storedBuckets } from '../tables/pin-config.ts';
import { type Role, roles } from '../tables/tables.ts';
import type { RewriteTask } from '../tasks/tasks.ts';
import { refuseCount, refuseForeign, refuseRebucket } from './refuse.ts';
import { spreadClasses } from './spread.ts';
import { bucketsSpec } from './target.ts';
import type { RewritePiece } from './types.ts';
import { wornCells } from './worn.ts';

/** What a rewrite would do, from manifests. */
export interface RewriteLook {
  readonly kind: RewriteTask['kind'];
  /** N of the buckets before and after. */
  readonly from: number;
  readonly to: number;
  readonly tables: readonly TableLook[];
}

interface TableLook {
  readonly role: Role;
  /** Cells, files and rows that would be read, rows that are deleted among them. */
  readonly cells: number;
  readonly files: number;
  readonly sizeBytes: number;
  readonly rows: number;
  /** Files afterwards, at most: one for each cell in which there can be a row. */
  readonly filesAfter: number;
}

/**
 * Says what a rewrite of main would read. Reads manifests only, holds no lease.
 * @throws TableNotFoundError, UsageError as the rewrite would
 */
export async function lookAtCells(
  world: World,
  config: SummaryConfig,
  task: RewriteTask,
): Promise<RewriteLook> {
  const { summary } = await repairTables(world, config);
  refuseForeign(summary);
  const from = storedBuckets(summary, config);
  const to = task.kind === 'rebucket' ? task.buckets : from;
  const tables = new Map<Role, Table | undefined>();
  for (const role of roles) tables.set(role, await findTable(world, config, role));
  if (task.kind === 'rebucket') {
    refuseCount(to);
    await refuseRebucket({ world, config, tables: tables.values() });
  } else refuseFarBuckets(task.buckets ?? [], from);
  const context = { world, config, branch: 'main' };
  const looks: TableLook[] = [];
  for (const [role, table] of tables) {
    if (table === undefined) continue;
    const total = { cells: 0, files: 0, sizeBytes: 0, rows: 0 };
    const months = new Set<number>();
    const add = (pieces: readonly RewritePiece[]) => {
      total.cells += new Set(
        pieces.flatMap(({ files }) =>
          files.map(({ specId, partition }) => JSON.stringify([specId, partition])),
        ),
      ).size;
      for (const { month } of pieces) months.add(month);
      for (const file of pieces.flatMap(({ files }) => files)) {
        total.files += 1;
        total.sizeBytes += file.sizeBytes;
        total.rows += file.rows;
      }
    };
    if (task.kind === 'compact') add(await wornCells({ context, table, role, scope: task }));
    else {
      const { specId } = bucketsSpec(table, config.key, to);
      for await (const { pieces } of spreadClasses({ context, table, role, specId, to })) add(pieces);
    }
    const filesAfter = task.kind === 'compact' ? total.cells : Math.min(total.rows, months.size * to);
    looks.push({ role, ...total, filesAfter });
  }
  return { kind: task.kind, from, to, tables: looks };
}
