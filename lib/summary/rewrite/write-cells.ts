import { parseByteSize } from '../../config/sizes.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { identifier, textList } from '../../engine/sql.ts';
import { IntegrityError } from '../../errors.ts';
import type { DataFile, Field } from '../../iceberg/types.ts';
import { keyRanges } from '../../upkeep/key-ranges.ts';
import { deadRows, type OpenFiles, scan } from '../files/reading.ts';
import type { UnitTable } from '../files/tables-io.ts';
import { writeDataFile } from '../files/writing.ts';
import { bucketOf } from '../prepare/rows.ts';
import { summaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import type { SummaryContext } from '../types.ts';
import { sortColumns } from './sorting.ts';
import type { RewritePiece } from './types.ts';

interface WriteOptions {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  /** With the target spec. */
  readonly table: UnitTable;
  /** Starts the names of the files. */
  readonly name: string;
  readonly role: Role;
  readonly to: number;
  /** The piece's files, opened. */
  readonly set: OpenFiles;
  readonly piece: RewritePiece;
  /** Bytes of rows that are sorted at once. */
  readonly roomBytes: number;
}

/** Files are read through so many times before their rows are divided on disk first: as measured, one more costs a seventh of a copy. */
const mostReads = 4;

/**
 * Writes the piece's live rows into its buckets' cells, each file sorted by key and one after the other, so that no more
 * than `roomBytes` are sorted at once.
 * @throws IntegrityError when other rows came out than went in
 */
export async function writeCells(options: WriteOptions): Promise<readonly DataFile[]> {
  const { context, session, set, piece, to } = options;
  const key = summaryShape(context.config).key;
  const parts = partsOf(options);
  const columns = set.schema.fields.map(({ name }) => identifier(name)).join(', ');
  const live = scan(set);
  const order = sortColumns(context.config, options.role).map(identifier).join(', ');
  const bucket = bucketOf(identifier(key.name), key.icebergType === 'string' ? 'string' : 'long', to);
  const divided =
    piece.buckets.length > 1 && piece.buckets.length * parts > mostReads
      ? await divide(session, `SELECT ${columns}, ${bucket} AS pw_bucket FROM ${live}`, options.roomBytes)
      : undefined;
  const sourceOf = (target: number) => {
    if (divided !== undefined) {
      const paths = divided.get(target) ?? [];
      return paths.length === 0
        ? undefined
        : `(SELECT ${columns} FROM read_parquet(${textList(paths)}, hive_partitioning = false))`;
    }
    return `(SELECT ${columns} FROM ${live}${piece.buckets.length === 1 ? '' : ` WHERE ${bucket} = ${target}`})`;
  };
  const written: DataFile[] = [];
  for (const target of piece.buckets) {
    const source = sourceOf(target);
    if (source === undefined) continue;
    const selects =
      parts === 1 ? [`SELECT * FROM ${source}`] : await keyRanges(session, source, key.name, parts);
    for (const select of selects) {
      const cell = { bucket: target, ...(options.role === 'summary' ? { month: piece.month } : {}) };
      const sorted = `${select} ORDER BY ${order}`;
      const file = await writeDataFile({ ...options, select: sorted, cell });
      if (file !== undefined) written.push(file);
    }
  }
  await refuseOtherCount(options, written);
  return written;
}

/** The rows by bucket in files of the session's own, in one pass. */
async function divide(
  session: EngineSession,
  select: string,
  roomBytes: number,
): Promise<ReadonlyMap<number, readonly string[]>> {
  // By default half a million rows are held before the first one is written.
  await session.execute(
    `SET partitioned_write_flush_threshold = ${Math.max(2_048, Math.floor(roomBytes / 20_000))}`,
  );
  const files = await session.writeParquet({
    select,
    path: `${session.workFolder}/divided`,
    partitionBy: ['pw_bucket'],
    rowGroupRows: 10_000,
  });
  await session.execute('RESET partitioned_write_flush_threshold');
  const paths = new Map<number, string[]>();
  for (const { path, partition } of files) {
    const target = Number(partition['pw_bucket']);
    const some = paths.get(target);
    if (some === undefined) paths.set(target, [path]);
    else some.push(path);
  }
  return paths;
}

/** Files that the rows of a bucket are cut into: by what can be sorted, and by how large a file should be. */
function partsOf({ context, set, piece, roomBytes }: WriteOptions): number {
  const { config } = context;
  const share = (total: number) => total / piece.buckets.length;
  const rows = share(piece.files.reduce((sum, file) => sum + file.rows, 0));
  const bytes = share(piece.files.reduce((sum, file) => sum + file.sizeBytes, 0));
  const inMemory =
    rows * set.schema.fields.reduce((sum, field) => sum + widthOf(field, config.historyLength), 0);
  // A file that is a bit larger than asked for is better than two halves.
  const asFiles = Math.round(bytes / parseByteSize(config.tables.targetFileSize));
  return Math.max(1, asFiles, Math.ceil(inMemory / roomBytes));
}

/** Bytes that a value of the column takes in memory, about. */
function widthOf({ type }: Field, historyLength: number): number {
  if (typeof type !== 'string')
    return 16 + historyLength * (type.type === 'list' ? scalarWidth(type.element) : 16);
  return scalarWidth(type);
}

function scalarWidth(type: Field['type']): number {
  if (type === 'int' || type === 'date' || type === 'float') return 4;
  if (type === 'long' || type === 'double' || type === 'timestamp' || type === 'timestamptz') return 8;
  return type === 'boolean' ? 1 : 16;
}

/** @throws IntegrityError when other rows came out than went in */
async function refuseOtherCount(
  { session, set, piece }: WriteOptions,
  written: readonly DataFile[],
): Promise<void> {
  const dead = await deadRows(session, set);
  const expected = set.files.reduce((sum, { no, spec }) => sum + spec.rows - (dead.get(no) ?? 0), 0);
  const found = written.reduce((sum, file) => sum + file.rows, 0);
  if (found === expected) return;
  throw new IntegrityError(`${expected} rows of ${piece.files.length} files became ${found}`, {
    details: { files: piece.files.map((file) => file.location) },
    safe: 'the tables are untouched',
    next: 'partwise verify --full, which names rows that lie in the bucket of another key',
  });
}
