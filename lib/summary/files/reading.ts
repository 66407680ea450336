import { duckDb } from '../../engine/duckdb-dialect.ts';
import { type EngineSession, executeAsWritten } from '../../engine/engine.ts';
import { identifier, text, textList } from '../../engine/sql.ts';
import { ObjectNotFoundError, PinnedSnapshotExpiredError, UnsupportedFeatureError } from '../../errors.ts';
import type { IcebergType, Schema } from '../../iceberg/types.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import type { FileSpec } from '../types.ts';

/** Planned data files of one table, ready to be scanned in a session. */
export interface OpenFiles {
  /** Prefix of the session's tables for this set. */
  readonly name: string;
  readonly schema: Schema;
  readonly files: readonly OpenFile[];
}

export interface OpenFile {
  readonly spec: FileSpec;
  /** Position in the set; `pw_file` of scanned rows. */
  readonly no: number;
  /** undefined when the file is gone, which matters only to who reads it. */
  readonly path: string | undefined;
}

interface OpenOptions {
  readonly session: EngineSession;
  readonly store: ObjectStore;
  readonly name: string;
  readonly schema: Schema;
  readonly files: readonly FileSpec[];
}

/** Makes `<name>_dead` (pw_file, pw_pos): every position that a live delete file hides. */
export async function openFiles(options: OpenOptions): Promise<OpenFiles> {
  const { session, store, name, schema } = options;
  const files = await Promise.all(
    options.files.map(async (spec, no) => ({ spec, no, path: await pathOrGone(store, spec.location) })),
  );
  const set = { name, schema, files };
  await openDeletes(session, store, set);
  return set;
}

/** Planned files for who does not read them here. */
export function plannedFiles(name: string, schema: Schema, files: readonly FileSpec[]): OpenFiles {
  return { name, schema, files: files.map((spec, no) => ({ spec, no, path: undefined })) };
}

/** Makes `<name>_dead` as `openFiles` does; opens the delete files alone. */
export async function openDeletes(
  session: EngineSession,
  store: ObjectStore,
  { name, files }: OpenFiles,
): Promise<void> {
  const deleted = files.filter((file) => file.spec.deletes.length > 0);
  if (deleted.length > 0) {
    const locations = new Set(deleted.flatMap((file) => file.spec.deletes.map((one) => one.location)));
    const paths = await Promise.all(
      [...locations].map(async (location) => (await pathOrGone(store, location)) ?? mustBeThere(location)),
    );
    const names = deleted.flatMap((file) =>
      spellings(file.spec.location).map((one) => `(${text(one)}, ${file.no})`),
    );
    await session.execute(
      `CREATE TEMP TABLE ${name}_dead AS SELECT DISTINCT n.no::INTEGER AS pw_file, p.pos::BIGINT AS pw_pos FROM read_parquet(${textList(paths)}) AS p JOIN (VALUES ${names.join(', ')}) AS n(name, no) ON p.file_path = n.name`,
    );
  }
}

async function pathOrGone(store: ObjectStore, location: Location): Promise<string | undefined> {
  return await store.localPath(location).catch((error: unknown) => {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  });
}

/** @throws PinnedSnapshotExpiredError when the file is gone */
function readablePath({ path, spec }: Pick<OpenFile, 'path' | 'spec'>): string {
  return path ?? mustBeThere(spec.location);
}

function mustBeThere(location: Location): never {
  throw new PinnedSnapshotExpiredError(`a file that the plan reads is gone: ${location}`, {
    details: { location },
    safe: 'the tables are untouched and the intake is kept',
  });
}

interface ScanOptions {
  /** Columns by name; default: all of the schema. */
  readonly columns?: readonly string[];
  /** default: all */
  readonly files?: readonly OpenFile[];
  /** Positions to fetch: a table with pw_file, pw_pos. Its rows are known to be live. Without it, all live rows. */
  readonly wanted?: string;
}

/**
 * A parenthesised SELECT: pw_file, pw_pos, pw_month (the file's month number) and the columns. Columns are read by
 * field id; one that a file lacks is NULL.
 */
export function scan(set: OpenFiles, options: ScanOptions = {}): string {
  const fields = (options.columns ?? set.schema.fields.map((field) => field.name)).map((name) => {
    const field = set.schema.fields.find((one) => one.name === name);
    if (field === undefined) throw new TypeError(`the table has no column ${name}`);
    return field;
  });
  const files = options.files ?? set.files;
  if (files.length === 0) {
    const none = fields.map((field) => `NULL::${sqlType(field.type)} AS ${identifier(field.name)}`);
    return `(SELECT ${['NULL::INTEGER AS pw_file', 'NULL::BIGINT AS pw_pos', 'NULL::INTEGER AS pw_month', ...none].join(', ')} WHERE false)`;
  }
  const map = fields.map(
    (field) => `${field.id}: {name: 'c${field.id}', type: ${text(sqlType(field.type))}, default_value: NULL}`,
  );
  const select = (some: readonly OpenFile[]) => {
    const columns = [
      `${perFile(some.map((file) => file.no))} AS pw_file`,
      's.file_row_number AS pw_pos',
      `${perFile(some.map((file) => file.spec.month))} AS pw_month`,
      ...fields.map((field) => `s.c${field.id} AS ${identifier(field.name)}`),
    ];
    return `SELECT ${columns.join(', ')} FROM read_parquet(${textList(some.map(readablePath))}, schema = MAP {${map.join(', ')}}, hive_partitioning = false) AS s`;
  };
  const { wanted } = options;
  if (wanted !== undefined) {
    return union(batches(files).map((some) => restricted(some, select(some), 'SEMI', wanted)));
  }
  const whole = batches(files.filter((file) => file.spec.deletes.length === 0));
  const holed = batches(files.filter((file) => file.spec.deletes.length > 0));
  return union([
    ...whole.map(select),
    ...holed.map((some) => restricted(some, select(some), 'ANTI', `${set.name}_dead`)),
  ]);
}

/**
 * A join that takes in a UNION ALL holds some ten megabytes for each of its scans, however small the files are. So
 * files are scanned one by one only while they are few.
 */
const mostScans = 4;

function batches(files: readonly OpenFile[]): readonly (readonly OpenFile[])[] {
  const size = Math.max(1, Math.ceil(files.length / mostScans));
  return Array.from({ length: Math.ceil(files.length / size) }, (_, index) =>
    files.slice(index * size, (index + 1) * size),
  );
}

/** The number that belongs to the file of a scanned row. */
function perFile(numbers: readonly number[]): string {
  return numbers.length === 1
    ? `${numbers[0]}::INTEGER`
    : `([${numbers.join(', ')}]::INTEGER[])[s.file_index::BIGINT + 1]`;
}

/** Rows of the scan whose places are (SEMI), or are not (ANTI), among the pw_file and pw_pos of a table. */
function restricted(
  files: readonly OpenFile[],
  select: string,
  kind: 'SEMI' | 'ANTI',
  places: string,
): string {
  const [first, ...others] = files;
  if (others.length === 0) {
    return `${select} ${kind} JOIN (SELECT pw_pos FROM ${places} WHERE pw_file = ${first?.no}) AS x ON s.file_row_number = x.pw_pos`;
  }
  const within = `pw_file IN (${files.map((file) => file.no).join(', ')})`;
  return `SELECT s.* FROM (${select}) AS s ${kind} JOIN (SELECT pw_file, pw_pos FROM ${places} WHERE ${within}) AS x ON s.pw_file = x.pw_file AND s.pw_pos = x.pw_pos`;
}

function union(selects: readonly string[]): string {
  return `(${selects.join(' UNION ALL ')})`;
}

/**
 * Runs a statement that fetches rows by a table of places, joined as it is written: the engine would rather hold the
 * rows, arrays and all, than the places, once it takes them for fewer.
 */
export function fetchByPlaces(session: EngineSession, statement: string): Promise<void> {
  return executeAsWritten(session, statement, ['join_order', 'build_side_probe_side']);
}

/** Live rows of the files, from the specification and the delete files. */
export async function deadRows(session: EngineSession, set: OpenFiles): Promise<ReadonlyMap<number, number>> {
  if (set.files.every((file) => file.spec.deletes.length === 0)) return new Map();
  const rows = await session.query(`SELECT pw_file, count(*) AS n FROM ${set.name}_dead GROUP BY pw_file`);
  return new Map(rows.map((row) => [Number(row['pw_file']), Number(row['n'])]));
}

/** `file:///x` is ours, `file:/x` Spark's. */
export function spellings(location: Location): readonly string[] {
  const ours = normalizeLocation(location);
  return ours.startsWith('file:///') ? [ours, `file:${ours.slice('file://'.length)}`] : [ours];
}

/** The engine's type for a column of the three tables. @throws UnsupportedFeatureError for types that they never have */
function sqlType(type: IcebergType): string {
  if (typeof type === 'string') return duckDb.type(type);
  if (type.type === 'list') return `${sqlType(type.element)}[]`;
  throw new UnsupportedFeatureError(`a column of type ${type.type} is not part of a summary`);
}
