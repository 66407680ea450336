import type { SummaryConfig } from '../../config/schema.ts';
import type { UnitVolume } from '../../engine/engine-model.ts';
import type { UnitLoad } from '../../run/engines/unit-load.ts';
import { copyRule, totalRows } from '../resolve/replace-latest.ts';
import { isFirstLoad } from '../resolve/slices.ts';
import type { RewritePiece } from '../rewrite/types.ts';
import type { ApplyGroup, ApplySpec, FileSpec, ResolveSpec, UnitSpec } from '../types.ts';
import { rowEntries } from './cost-model.ts';
import { groupBytes } from './groups.ts';

/** What units of `resolve` and `apply` are to the engines' model, by their specifications alone. */

/** Rows of a list table that are on their way into a file together. */
const rowGroupRows = 10_240;
/** Key, month and registers of a row. */
const registerEntries = 8;
/** Keys of a first load that are worked on together: there are no stored rows, so any of them can be. */
const firstLoadRows = 100_000;

/** @returns undefined for units that Spark has no part in */
export function loadOf(config: SummaryConfig, spec: UnitSpec): UnitLoad | undefined {
  switch (spec.stage) {
    case 'apply':
      return applyLoad(config, spec);
    case 'resolve':
      return spec.strategy === 'partitionwise' ? resolveLoad(config, spec) : undefined;
    case 'rewrite':
      return rewriteLoad(config, spec.pieces);
    default:
      return undefined;
  }
}

/** A unit of `rewrite` copies all rows of its files. They are sorted by so many at once as there is memory for. */
export function rewriteLoad(config: SummaryConfig, pieces: readonly RewritePiece[]): UnitLoad {
  const rows = pieces.map(({ files }) => totalRows(files));
  const all = sum(rows, (one) => one);
  const most = Math.max(0, ...rows);
  const bytes = sum(pieces, ({ files }) => sum(files, ({ sizeBytes }) => sizeBytes));
  const load = cellsLoad({
    entries: rowEntries(config),
    cells: pieces.length,
    rows: all,
    writtenRows: all,
    largest: { rows: most, changedRows: 0, writtenRows: most },
    bytes,
    // Once divided by buckets, once as they stay.
    writtenBytes: 2 * bytes,
  });
  return { ...load, piece: { ...load.piece, name: 'a month of some buckets' } };
}

export function applyLoad(config: SummaryConfig, { groups }: Pick<ApplySpec, 'groups'>): UnitLoad {
  const largest = groups.reduce<ApplyGroup | undefined>(
    (most, group) => (most === undefined || weight(group) > weight(most) ? group : most),
    undefined,
  );
  return cellsLoad({
    entries: rowEntries(config),
    cells: groups.length,
    rows: sum(groups, rowsOf),
    writtenRows: sum(groups, writtenRows),
    largest:
      largest === undefined
        ? { rows: 0, changedRows: 0, writtenRows: 0 }
        : { rows: rowsOf(largest), changedRows: largest.expectedRows, writtenRows: writtenRows(largest) },
    bytes: sum(groups, groupBytes),
    writtenBytes: sum(
      groups,
      (group) => (groupBytes(group) * writtenRows(group)) / Math.max(1, rowsOf(group)),
    ),
  });
}

interface Cells {
  /** Of a row. */
  readonly entries: number;
  readonly cells: number;
  readonly rows: number;
  /** The changed ones, and all of files that are copied. */
  readonly writtenRows: number;
  readonly largest: { readonly rows: number; readonly changedRows: number; readonly writtenRows: number };
  readonly bytes: number;
  readonly writtenBytes: number;
}

/** A unit of `apply`. Pieces are cells, and each of them is read and written for itself. */
export function cellsLoad({
  entries,
  cells,
  rows,
  writtenRows,
  largest,
  bytes,
  writtenBytes,
}: Cells): UnitLoad {
  return {
    stage: 'apply',
    bytes,
    volume: {
      units: 1,
      pieces: cells,
      readEntries: rows * entries,
      writtenEntries: writtenRows * entries,
    },
    piece: {
      name: 'a cell',
      volume: {
        units: 1,
        pieces: 1,
        readEntries: largest.rows * entries,
        writtenEntries: largest.writtenRows * entries,
      },
      held: {
        flowingEntries: entries * Math.min(rowGroupRows, largest.writtenRows),
        heldEntries: entries * largest.changedRows,
      },
    },
    spills: false,
    diskBytes: bytes + writtenBytes,
  };
}

/** Pieces are the months of the records. Only a first load can be cut, by its keys. */
export function resolveLoad(
  config: SummaryConfig,
  spec: Pick<ResolveSpec, 'months' | 'summary' | 'latest' | 'tombstones'>,
): UnitLoad {
  const entries = rowEntries(config);
  const records = sum(spec.months, ([, rows]) => rows);
  const months = new Set(spec.months.map(([month]) => month));
  const latestRows = totalRows(spec.latest);
  const slices = isFirstLoad(spec) ? Math.max(1, Math.ceil(records / firstLoadRows)) : 1;
  const latestBytes = sum(spec.latest, ({ sizeBytes }) => sizeBytes);
  return bucketLoad({
    entries,
    records,
    months: spec.months.length,
    ownRows: totalRows(spec.summary.filter(({ month }) => months.has(month))),
    latestRows,
    copiedRows: copiesMuch(config, spec.latest, Math.min(records, latestRows)) ? latestRows : 0,
    slices,
    bytes: latestBytes + sum(spec.tombstones, ({ sizeBytes }) => sizeBytes),
    rowBytes: latestBytes / Math.max(1, latestRows),
  });
}

interface Bucket {
  /** Of a row. */
  readonly entries: number;
  readonly records: number;
  /** That the records are of. */
  readonly months: number;
  /** Stored in these months. */
  readonly ownRows: number;
  readonly latestRows: number;
  /** Of latest, when its files are copied. */
  readonly copiedRows: number;
  /** Parts that its keys can be worked on in. */
  readonly slices: number;
  readonly bytes: number;
  readonly rowBytes: number;
}

/**
 * A unit of `resolve`. Registers of the months' own rows and of latest are read, and arrays of latest; each record is written as a row
 * of latest, of its month, or of the change set.
 */
export function bucketLoad(bucket: Bucket): UnitLoad {
  const { entries, records, months, ownRows, latestRows, slices, bytes } = bucket;
  const writtenRows = records + bucket.copiedRows;
  const volume: UnitVolume = {
    units: 1,
    pieces: months,
    readEntries: latestRows * entries + (ownRows + records) * registerEntries,
    writtenEntries: writtenRows * entries,
  };
  return {
    stage: 'resolve',
    bytes,
    volume,
    piece: {
      name: slices === 1 ? 'a bucket' : 'a slice of a bucket',
      volume: {
        ...volume,
        readEntries: volume.readEntries / slices,
        writtenEntries: volume.writtenEntries / slices,
      },
      held: {
        flowingEntries: entries * Math.min(rowGroupRows, writtenRows),
        heldEntries: (entries * records) / slices,
      },
    },
    spills: false,
    diskBytes: bytes + writtenRows * bucket.rowBytes,
  };
}

/** Whether files of latest are copied, if so many of their rows go. */
function copiesMuch(config: SummaryConfig, files: readonly FileSpec[], going: number): boolean {
  const rule = copyRule(config.work, files);
  if (going === 0 || rule.copies === 'never') return false;
  if (rule.copies !== 'aboveDead') return rule.copies === 'whenRowsGo' || going === totalRows(files);
  const dead = sum(files, (file) => sum(file.deletes, ({ rows }) => rows));
  return dead + going > rule.deadRows;
}

function weight(group: ApplyGroup): number {
  return rowsOf(group) + 4 * writtenRows(group);
}

function rowsOf(group: ApplyGroup): number {
  return sum(group.files, ({ rows }) => rows);
}

function writtenRows(group: ApplyGroup): number {
  return group.mode === 'copy-on-write' ? rowsOf(group) : group.expectedRows;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
