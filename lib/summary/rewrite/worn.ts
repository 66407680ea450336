import { parseByteSize } from '../../config/sizes.ts';
import {
  assertReadable,
  cellFilter,
  currentSchema,
  currentSnapshot,
  type PartitionFilter,
  type Table,
} from '../../iceberg/index.ts';
import { cellsToCompact } from '../../upkeep/cells.ts';
import { compareText, fileSpec, placeOf } from '../plan/files.ts';
import { monthText } from '../sql/months.ts';
import { bucketsOf } from '../tables/pin-config.ts';
import type { Role } from '../tables/tables.ts';
import type { CompactTask } from '../tasks/tasks.ts';
import type { SummaryContext } from '../types.ts';
import type { RewritePiece } from './types.ts';

interface WornOptions {
  readonly context: Pick<SummaryContext, 'world' | 'config' | 'branch'>;
  readonly table: Table;
  readonly role: Role;
  readonly scope: Pick<CompactTask, 'months' | 'buckets'>;
}

export interface WornCell extends RewritePiece {
  readonly reason: string;
}

/** Cells that the pipeline's policy wants rewritten, a piece each, by the rules of `partwise maintain`. Manifests only. */
export async function wornCells(options: WornOptions): Promise<readonly WornCell[]> {
  const { context, table, role, scope } = options;
  const { world, config, branch } = context;
  const head = currentSnapshot(table, branch);
  if (head === undefined || (scope.months !== undefined && role !== 'summary')) return [];
  const filter = filterOf(options);
  const cells = await cellsToCompact({
    store: world.warehouse,
    table,
    snapshotId: head.snapshotId,
    policy: {
      targetFileBytes: parseByteSize(config.tables.targetFileSize),
      maxSmallFiles: config.work.maxSmallFiles,
      maxDeadFraction: config.work.maxDeadFraction,
    },
    ...(filter === undefined ? {} : { partitionFilter: filter }),
  });
  const month = role === 'summary' ? config.month : undefined;
  return cells.flatMap(({ files, reason }) => {
    const [first] = files;
    if (first === undefined) return [];
    files.forEach(assertReadable);
    const place = placeOf(first, table.metadata.specs, month);
    return [
      {
        month: place.month,
        buckets: [place.bucket],
        files: files
          .map((one) => fileSpec(one, place.month))
          .sort((a, b) => compareText(a.location, b.location)),
        reason,
      },
    ];
  });
}

/** Undefined: every cell. */
function filterOf({ context, table, role, scope }: WornOptions): PartitionFilter | undefined {
  const { months, buckets } = scope;
  const { key, month } = context.config;
  const byMonth = months !== undefined && role === 'summary';
  if (!byMonth && buckets === undefined) return undefined;
  return cellFilter({
    schema: currentSchema(table),
    ...(byMonth
      ? { month: { column: month, from: monthText(months.first), to: monthText(months.last) } }
      : {}),
    ...(buckets === undefined
      ? {}
      : { bucket: { column: key, count: bucketsOf(table) ?? 1, values: buckets } }),
  });
}
