import type { SparkField, SparkInput } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import { UnsupportedFeatureError } from '../../errors.ts';
import { positionDeleteFieldIds } from '../../iceberg/index.ts';
import type { IcebergType, Schema } from '../../iceberg/types.ts';
import type { Location } from '../../stores/ports.ts';
import { spellings } from '../files/reading.ts';
import type { FileSpec } from '../types.ts';

/** Planned data files of one table as a unit for Spark sees them. The position in `files` is `pw_file` of their rows. */
export interface SparkFiles {
  /** Starts the names of the unit's views of this set. */
  readonly name: string;
  readonly schema: Schema;
  readonly files: readonly FileSpec[];
}

interface ScanOptions {
  /** Columns by name; default: all of the schema. */
  readonly columns?: readonly string[];
  /** Suffix of a view of some of the files; default: the one of all. */
  readonly part?: SparkPart;
  /** Only rows whose column is a `pw_key` of a kept table. They are picked out before anything else is asked of a row. */
  readonly keys?: { readonly column: string; readonly of: string };
}

/** Some files of a set in a view of their own. */
export interface SparkPart {
  readonly suffix: string;
  readonly has: (file: FileSpec) => boolean;
}

/** Views of the set: of its files, of the given parts, of its delete files. */
export function sparkInputs(set: SparkFiles, parts: readonly SparkPart[] = []): readonly SparkInput[] {
  const fields = set.schema.fields.map(({ id, type }) => ({ name: `c${id}`, id, type: sparkType(type) }));
  const view = (suffix: string, files: readonly FileSpec[]): readonly SparkInput[] =>
    files.length === 0
      ? []
      : [
          {
            view: `${set.name}${suffix}`,
            paths: files.map((file) => file.location),
            fields,
            places: true,
          },
        ];
  const deletes = deleteLocations(set.files);
  return [
    ...view('', set.files),
    ...parts
      .filter((part) => !isWhole(set, part))
      .flatMap(({ suffix, has }) => view(suffix, set.files.filter(has))),
    ...(deletes.length === 0 ? [] : [{ view: `${set.name}_deletes`, paths: deletes, fields: deleteFields }]),
  ];
}

/** Statements before the set can be scanned: `<name>_dead` (pw_file, pw_pos), every position that a live delete file hides. */
export function sparkDead({ name, files }: SparkFiles): readonly string[] {
  const names = files.flatMap((file, no) =>
    file.deletes.length === 0 ? [] : spellings(file.location).map((one) => `(${spark.text(one)}, ${no})`),
  );
  if (names.length === 0) return [];
  return [
    spark.keep(
      `${name}_dead`,
      `SELECT DISTINCT n.no AS pw_file, p.pos AS pw_pos FROM ${name}_deletes AS p JOIN (VALUES ${names.join(', ')}) AS n(name, no) ON p.file_path = n.name`,
    ),
  ];
}

/** How many rows of the set are dead, as SQL. */
export function sparkDeadRows({ name, files }: SparkFiles): string {
  return hasDeletes(files) ? `(SELECT count(*) FROM ${name}_dead)` : '0';
}

/** A parenthesised SELECT of live rows: pw_file, pw_pos, pw_month (the file's month number) and the columns. */
export function sparkScan({ name, schema, files }: SparkFiles, options: ScanOptions = {}): string {
  const { part } = options;
  const fields = (options.columns ?? schema.fields.map((field) => field.name)).map((column) =>
    fieldOf(schema, column),
  );
  const chosen = files
    .map((file, no) => ({ file, no }))
    .filter(({ file }) => part === undefined || part.has(file));
  if (chosen.length === 0) {
    const none = fields.map(
      (field) => `CAST(NULL AS ${sparkType(field.type)}) AS ${spark.identifier(field.name)}`,
    );
    const places = [
      `${spark.cast('NULL', 'int')} AS pw_file`,
      `${spark.cast('NULL', 'long')} AS pw_pos`,
      `${spark.cast('NULL', 'int')} AS pw_month`,
    ];
    return `(SELECT ${[...places, ...none].join(', ')} WHERE false)`;
  }
  const columns = [
    `${perFile(chosen.map(({ no }) => no))} AS pw_file`,
    's.file_row_number AS pw_pos',
    `${perFile(chosen.map(({ file }) => file.month))} AS pw_month`,
    ...fields.map(({ id, name: column }) => `s.c${id} AS ${spark.identifier(column)}`),
  ];
  const suffix = part === undefined || isWhole({ files }, part) ? '' : part.suffix;
  const rows = `SELECT ${columns.join(', ')} FROM ${placed(schema, `${name}${suffix}`, options)} AS s`;
  if (!hasDeletes(chosen.map(({ file }) => file))) return `(${rows})`;
  return `(SELECT s.* FROM (${rows}) AS s ANTI JOIN ${name}_dead AS x ON x.pw_file = s.pw_file AND x.pw_pos = s.pw_pos)`;
}

/** FROM item: the rows of a view with their places. */
function placed(schema: Schema, view: string, { keys }: ScanOptions): string {
  if (keys === undefined) return view;
  const { id } = fieldOf(schema, keys.column);
  const picked = `SELECT u.* FROM ${view}_unplaced AS u SEMI JOIN ${keys.of} AS k ON k.pw_key = u.c${id}`;
  const unknown = `CAST(raise_error(concat('not among the paths: ', r.file_path)) AS INT)`;
  return `(SELECT r.*, coalesce(p.file_index, ${unknown}) AS file_index FROM (${picked}) AS r LEFT JOIN ${view}_places AS p ON p.file_path = r.file_path)`;
}

function fieldOf(schema: Schema, name: string): Schema['fields'][number] {
  const field = schema.fields.find((one) => one.name === name);
  if (field === undefined) throw new TypeError(`the table has no column ${name}`);
  return field;
}

/** The number that belongs to the file of a row. */
function perFile(numbers: readonly number[]): string {
  if (numbers.every((number) => number === numbers[0])) return String(numbers[0]);
  if (numbers.every((number, index) => number === index)) return 's.file_index';
  return spark.entry(spark.constants(numbers, 'int'), 's.file_index + 1');
}

/** Such a part needs no view of its own. */
function isWhole({ files }: Pick<SparkFiles, 'files'>, { has }: SparkPart): boolean {
  return files.every(has);
}

function hasDeletes(files: readonly FileSpec[]): boolean {
  return files.some((file) => file.deletes.length > 0);
}

function deleteLocations(files: readonly FileSpec[]): readonly Location[] {
  return [...new Set(files.flatMap((file) => file.deletes.map(({ location }) => location)))];
}

/** Of a view of position delete files. */
const deleteFields: readonly SparkField[] = [
  { name: 'file_path', id: positionDeleteFieldIds.file_path, type: spark.type('string') },
  { name: 'pos', id: positionDeleteFieldIds.pos, type: spark.type('long') },
];

/** @throws UnsupportedFeatureError for types that the three tables never have */
function sparkType(type: IcebergType): string {
  if (typeof type === 'string') return spark.type(type);
  if (type.type === 'list') return `ARRAY<${sparkType(type.element)}>`;
  throw new UnsupportedFeatureError(`a column of type ${type.type} is not part of a summary`);
}
