import type { SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import { sharesDeletes } from '../files/file-changes.ts';
import { monthNumber } from '../sql/months.ts';
import type { ApplyGroup, FileSpec, ResolveSpec } from '../types.ts';

/**
 * What `apply` rewrites of one bucket: a file at month t can hold records of months [t - (H - 1), t] only, so files
 * outside of the windows of the batch's months are never opened.
 */
export function planGroups(
  config: SummaryConfig,
  spec: Pick<ResolveSpec, 'bucket' | 'months' | 'summary'>,
): readonly ApplyGroup[] {
  const cells = Map.groupBy(spec.summary, (file) => file.month);
  const groups: ApplyGroup[] = [];
  for (const [month, files] of cells) {
    const expected = expectedRows(config, spec, month);
    if (expected > 0) groups.push(...cellGroups(config, { bucket: spec.bucket, month, files, expected }));
  }
  return groups;
}

/** Rows of a cell that the batch can concern: at least as many keys as its busiest month in the window has records. */
function expectedRows(config: SummaryConfig, spec: Pick<ResolveSpec, 'months'>, month: number): number {
  let most = 0;
  for (const [changed, rows] of spec.months) {
    if (changed <= month && changed > month - config.historyLength) most = Math.max(most, rows);
  }
  return most;
}

interface CellFiles {
  readonly bucket: number;
  readonly month: number;
  readonly files: readonly FileSpec[];
  readonly expected: number;
}

/** One cell's files, by how they are rewritten: each that is copied by itself, those that keep their rows together. */
export function cellGroups(
  config: SummaryConfig,
  { bucket, month, files, expected }: CellFiles,
): readonly ApplyGroup[] {
  const { rewrite, maxDeadFraction, maxSmallFiles } = config.work;
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const share = (some: readonly FileSpec[]) =>
    Math.min(
      expected,
      Math.ceil((expected * some.reduce((sum, file) => sum + file.rows, 0)) / Math.max(1, rows)),
    );
  const group = (mode: ApplyGroup['mode'], reason: string, some: readonly FileSpec[]): ApplyGroup => ({
    bucket,
    month,
    mode,
    reason,
    files: some,
    expectedRows: share(some),
  });
  const smallLimit = parseByteSize(config.tables.targetFileSize) / 4;
  const small = files.filter((file) => file.sizeBytes < smallLimit);
  if (rewrite !== 'merge-on-read' && small.length >= maxSmallFiles) {
    const large = files.filter((file) => file.sizeBytes >= smallLimit);
    return [group('copy-on-write', `folds in ${small.length} small files`, small), ...single(large)];
  }
  if (sharesDeletes(files)) {
    return [
      rewrite === 'merge-on-read'
        ? group(rewrite, 'configured', files)
        : group('copy-on-write', 'one delete file covers several files', files),
    ];
  }
  return single(files);

  /** Each file that is copied by itself; those that keep their rows together, so that their new rows share a file. */
  function single(some: readonly FileSpec[]): readonly ApplyGroup[] {
    const judged = some.map((file) => {
      const dead = file.deletes.reduce((sum, one) => sum + one.rows, 0);
      const fraction = Math.min(1, (dead + share([file])) / Math.max(1, file.rows));
      const copied = rewrite === 'copy-on-write' || (rewrite === 'auto' && fraction > maxDeadFraction);
      return { file, fraction, copied };
    });
    const reason = (fraction: number) =>
      rewrite === 'auto' ? `${(100 * fraction).toFixed(1)} % of its rows dead afterwards` : 'configured';
    const kept = judged.filter(({ copied }) => !copied);
    const most = Math.max(...kept.map(({ fraction }) => fraction));
    return [
      ...judged
        .filter(({ copied }) => copied)
        .map(({ file, fraction }) => group('copy-on-write', reason(fraction), [file])),
      ...pack(
        kept.map(({ file }) => file),
        (file) => file.sizeBytes,
        parseByteSize(config.work.unitBytes),
      ).map((files) => group('merge-on-read', `${files.length > 1 ? 'at most ' : ''}${reason(most)}`, files)),
    ];
  }
}

export function groupBytes(group: ApplyGroup): number {
  return group.files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

/** Groups of the month and later ones, then the others; no unit has groups of both. All together without a month. */
export function fromMonthFirst(
  groups: readonly ApplyGroup[],
  fromMonth: string | undefined,
): readonly (readonly ApplyGroup[])[] {
  if (fromMonth === undefined) return [groups];
  const from = monthNumber(fromMonth);
  return [groups.filter((group) => group.month >= from), groups.filter((group) => group.month < from)];
}

/** Consecutive groups of at most so many bytes, one list per unit; groups keep their order. */
export function packGroups(
  groups: readonly ApplyGroup[],
  limitBytes: number,
): readonly (readonly ApplyGroup[])[] {
  return pack(groups, groupBytes, limitBytes);
}

/** Consecutive items of at most so many bytes each, at least one. */
export function pack<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  limitBytes: number,
): readonly (readonly T[])[] {
  const packed: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    const last = packed.at(-1);
    if (last === undefined || bytes + size > limitBytes) {
      packed.push([item]);
      bytes = size;
    } else {
      last.push(item);
      bytes += size;
    }
  }
  return packed;
}
