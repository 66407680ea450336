import { identifier, text, textList } from '../engine/sql.ts';
import { UnsupportedFeatureError } from '../errors.ts';
import {
  assertReadable,
  type Field,
  type IcebergType,
  type ScanFile,
  type Schema,
} from '../iceberg/index.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';

/**
 * Reading rows for checks: plain SELECTs of stored columns by field id, through position deletes. Kept apart from
 * the statements of the work, so that a mistake there is not repeated here.
 */

/** Names of the two columns of `liveRows` that say where a row lies. */
export const rowPlace = { file: '__file', position: '__position' } as const;

/** What is needed to read a data file's live rows. */
export interface ScannedFile {
  readonly location: Location;
  /** Position-delete files that apply to it. */
  readonly deletes: readonly Location[];
}

/** @throws UnsupportedFeatureError for delete files that are not position deletes in Parquet */
export function scanned(scan: ScanFile): ScannedFile {
  assertReadable(scan);
  return { location: scan.file.location, deletes: scan.deletes.map((one) => one.file.location) };
}

interface LiveRowsOptions {
  readonly store: ObjectStore;
  readonly schema: Schema;
  readonly files: readonly ScannedFile[];
  /** Columns of the schema by name; all when undefined. */
  readonly columns?: readonly string[];
  /** Adds `rowPlace`'s columns: 0-based index of the file in `files` and 0-based position. */
  readonly place?: boolean;
}

/** A parenthesised SELECT of the files' live rows. A column that a file lacks is NULL there. */
export async function liveRows(options: LiveRowsOptions): Promise<string> {
  const fields = chosen(options.schema, options.columns);
  const place =
    options.place === true ? `, file_index AS ${rowPlace.file}, file_row_number AS ${rowPlace.position}` : '';
  const columns = fields.map((field) => `c${field.id} AS ${identifier(field.name)}`).join(', ');
  if (options.files.length === 0) return emptyRows(fields, options.place === true);
  const paths = await Promise.all(options.files.map((scan) => options.store.localPath(scan.location)));
  const from = `read_parquet(${textList(paths)}, schema = ${schemaMap(fields)})`;
  const deletes = await deletedPlaces(options.store, options.files);
  if (deletes === undefined) return `(SELECT ${columns}${place} FROM ${from})`;
  return `(SELECT ${columns}${place} FROM ${from} AS d ANTI JOIN ${deletes} AS x ON d.file_index = x.no AND d.file_row_number = x.pos)`;
}

/** A parenthesised SELECT of (no, pos) of every position that is deleted in one of the files; undefined when none is. */
async function deletedPlaces(store: ObjectStore, files: readonly ScannedFile[]): Promise<string | undefined> {
  const deleteFiles = new Set(files.flatMap((scan) => scan.deletes));
  if (deleteFiles.size === 0) return undefined;
  const paths = await Promise.all([...deleteFiles].map((location) => store.localPath(location)));
  const numbered = files.map(({ location, deletes }, no) => ({ location, deletes, no }));
  return numberedPlaces(
    paths,
    numbered.filter((scan) => scan.deletes.length > 0),
  );
}

/**
 * Rows of position-delete files that name one of the data files, in whichever spelling: (no, pos, delete_no), the first
 * and the last 0-based indexes of the data file and of the delete file.
 */
export function places(deletePaths: readonly string[], dataFiles: readonly Location[]): string {
  return numberedPlaces(
    deletePaths,
    dataFiles.map((location, no) => ({ location, no })),
  );
}

function numberedPlaces(
  deletePaths: readonly string[],
  dataFiles: readonly { readonly location: Location; readonly no: number }[],
): string {
  const names = dataFiles.flatMap(({ location, no }) =>
    spellings(location).map((spelling) => `(${text(spelling)}, ${no})`),
  );
  return `(SELECT n.no, p.pos, p.file_index AS delete_no FROM read_parquet(${textList(deletePaths)}) AS p JOIN (VALUES ${names.join(', ')}) AS n(name, no) ON p.file_path = n.name)`;
}

/** `file:///x` is ours, `file:/x` Spark's. */
function spellings(location: Location): readonly string[] {
  const ours = normalizeLocation(location);
  return ours.startsWith('file:///') ? [ours, `file:${ours.slice('file://'.length)}`] : [ours];
}

function chosen(schema: Schema, columns: readonly string[] | undefined): readonly Field[] {
  if (columns === undefined) return schema.fields;
  return columns.map((name) => {
    const field = schema.fields.find((one) => one.name === name);
    if (field === undefined) throw new TypeError(`the schema has no column ${name}`);
    return field;
  });
}

/** Columns are named by id inside of the scan, so that no name can meet `filename` or `file_row_number`. */
function schemaMap(fields: readonly Field[]): string {
  const entries = fields.map(
    (field) =>
      `${field.id}: {name: ${text(`c${field.id}`)}, type: ${text(sqlType(field.type))}, default_value: NULL}`,
  );
  return `MAP {${entries.join(', ')}}`;
}

function emptyRows(fields: readonly Field[], place: boolean): string {
  const columns = fields.map((field) => `NULL::${sqlType(field.type)} AS ${identifier(field.name)}`);
  if (place) columns.push(`NULL::BIGINT AS ${rowPlace.file}`, `NULL::BIGINT AS ${rowPlace.position}`);
  return `(SELECT ${columns.join(', ')} WHERE false)`;
}

const sqlTypes: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  binary: 'BLOB',
};

/** @throws UnsupportedFeatureError for maps and structs, which no table of this workload has */
function sqlType(type: IcebergType): string {
  if (typeof type !== 'string') {
    if (type.type === 'list') return `${sqlType(type.element)}[]`;
    throw new UnsupportedFeatureError(`a column of type ${type.type} cannot be checked`);
  }
  if (type.startsWith('decimal(')) return type.toUpperCase();
  const found = sqlTypes[type];
  if (found === undefined) throw new UnsupportedFeatureError(`a column of type ${type} cannot be checked`);
  return found;
}
