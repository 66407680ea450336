import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type { OracleFeedRecord, OracleRecord, Text } from '../oracle/summary-oracle.ts';
import { type Rng, rng } from './random.ts';
import { versionText } from './records.ts';
import { columnNames, feedColumns, type ScalarType, type Shape, sourceColumns } from './shape.ts';

export const fileFormats = ['csv', 'csv.gz', 'jsonl', 'parquet'] as const;
export type FileFormat = (typeof fileFormats)[number];

export interface FileOptions {
  readonly shape: Shape;
  readonly records: readonly OracleRecord[];
  readonly format: FileFormat;
  /** Decides what a reader must not care about: order of columns, form of months, spare columns, row groups, codec. */
  readonly seed: number;
}

const monthForms = ['YYYY-MM', 'YYYYMM', 'YYYY-MM-DD'] as const;
type MonthForm = (typeof monthForms)[number];

/** Writes one source file. It appears under its name whole, as a careful producer would do it. */
export async function writeSourceFile(path: string, options: FileOptions): Promise<void> {
  const source = rng(options.seed);
  const form = source.pick(monthForms);
  const columns = source.shuffle([
    ...sourceColumns(options.shape),
    { name: 'not_listed', type: 'string' as const },
  ]);
  const rows = options.records.map((record) => columns.map(({ name }) => fieldText(record, name, form)));
  await writeTable(path, { columns, rows, form, format: options.format, source, omitNulls: true });
}

/** Writes one file of the deletions feed, likewise. */
export async function writeFeedFile(
  path: string,
  options: Omit<FileOptions, 'records'> & { readonly feed: readonly OracleFeedRecord[] },
): Promise<void> {
  const source = rng(options.seed);
  const columns = source.shuffle<Column>([
    { name: feedColumns.key, type: options.shape.keyType },
    { name: feedColumns.date, type: 'date' },
    { name: feedColumns.code, type: 'string' },
    { name: feedColumns.version, type: 'timestamp' },
    { name: 'not_listed', type: 'string' },
  ]);
  const field = (record: OracleFeedRecord, name: string): Text => {
    switch (name) {
      case feedColumns.key:
        return record.key;
      case feedColumns.date:
        return record.date;
      case feedColumns.code:
        return record.code;
      case feedColumns.version:
        return versionText(record.version);
      default:
        return 'spare';
    }
  };
  const rows = options.feed.map((record) => columns.map(({ name }) => field(record, name)));
  // All four columns must be there: without codes every record would be alive.
  await writeTable(path, {
    columns,
    rows,
    form: 'YYYY-MM',
    format: options.format,
    source,
    omitNulls: false,
  });
}

interface TableOptions {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Text[])[];
  readonly form: MonthForm;
  readonly format: FileFormat;
  readonly source: Rng;
  /** Whether JSON lines may leave NULLs out; then a column may be missing from the whole file. */
  readonly omitNulls: boolean;
}

/** Writes a file of any columns, whole under its name. */
export async function writeTable(
  path: string,
  { columns, rows, form, format, source, omitNulls }: TableOptions,
): Promise<void> {
  const names = columns.map(({ name }) => name);
  const aside = join(dirname(path), `.${basename(path)}.part`);
  await mkdir(dirname(path), { recursive: true });
  switch (format) {
    case 'csv':
      await writeFile(aside, csvText(names, rows, source.chance(0.3)));
      break;
    case 'csv.gz':
      await writeFile(aside, gzipSync(csvText(names, rows, source.chance(0.3))));
      break;
    case 'jsonl':
      await writeFile(aside, jsonLines(columns, rows, omitNulls && source.chance(0.5)));
      break;
    case 'parquet':
      await writeParquet(aside, columns, rows, form, {
        rowGroupRows: source.pick([2_048, 10_240, 1_000_000]),
        codec: source.pick(['snappy', 'zstd', 'gzip', 'uncompressed']),
        monthAsDate: source.chance(0.5),
      });
      break;
  }
  await rename(aside, path);
}

function fieldText(record: OracleRecord, name: string, form: MonthForm): Text {
  switch (name) {
    case columnNames.key:
      return record.key;
    case columnNames.version:
      return versionText(record.version);
    case columnNames.month:
      return monthForm(record.month, form);
    case 'not_listed':
      return 'spare';
    default:
      return record.values[name] ?? null;
  }
}

function monthForm(month: number, form: MonthForm): string {
  const year = String(Math.floor((month - 1) / 12)).padStart(4, '0');
  const inYear = String(((month - 1) % 12) + 1).padStart(2, '0');
  return form === 'YYYYMM'
    ? `${year}${inYear}`
    : form === 'YYYY-MM'
      ? `${year}-${inYear}`
      : `${year}-${inYear}-01`;
}

function csvText(names: readonly string[], rows: readonly (readonly Text[])[], windows: boolean): string {
  const end = windows ? '\r\n' : '\n';
  const lines = [names, ...rows].map((row) => row.map(csvField).join(','));
  return lines.join(end) + end;
}

function csvField(value: Text): string {
  if (value === null) return '';
  return /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

type Column = { readonly name: string; readonly type: ScalarType | 'month' };

/** NULLs are written out, or left out. Numbers that JSON readers round are sent as text. */
function jsonLines(
  columns: readonly Column[],
  rows: readonly (readonly Text[])[],
  omitNulls: boolean,
): string {
  return rows
    .map((row) => {
      const fields: [string, unknown][] = columns.map(({ name, type }, index) => [
        name,
        jsonValue(type, row[index] ?? null),
      ]);
      return `${JSON.stringify(Object.fromEntries(omitNulls ? fields.filter(([, value]) => value !== null) : fields))}\n`;
    })
    .join('');
}

function jsonValue(type: Column['type'], value: Text): unknown {
  if (value === null) return null;
  if (type === 'boolean') return value === 'true';
  if (type === 'int' || type === 'double') return Number(value);
  return value;
}

interface ParquetLayout {
  readonly rowGroupRows: number;
  readonly codec: string;
  readonly monthAsDate: boolean;
}

async function writeParquet(
  path: string,
  columns: readonly Column[],
  rows: readonly (readonly Text[])[],
  form: MonthForm,
  layout: ParquetLayout,
): Promise<void> {
  const lines = `${path}.jsonl`;
  await writeFile(
    lines,
    rows
      .map(
        (row) =>
          `${JSON.stringify(Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])))}\n`,
      )
      .join(''),
  );
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', temp_directory: `${path}.spill` });
  const connection = await instance.connect();
  try {
    const monthAsDate = layout.monthAsDate && form === 'YYYY-MM-DD';
    const typed = columns.map(
      ({ name, type }) =>
        `CAST("${name}" AS ${type === 'month' ? (monthAsDate ? 'DATE' : 'VARCHAR') : sqlType(type)}) AS "${name}"`,
    );
    const read = `read_json('${lines}', format = 'newline_delimited', columns = {${columns.map(({ name }) => `"${name}": 'VARCHAR'`).join(', ')}})`;
    await connection.run(
      `COPY (SELECT ${typed.join(', ')} FROM ${read}) TO '${path}' (FORMAT parquet, CODEC '${layout.codec}', ROW_GROUP_SIZE ${layout.rowGroupRows})`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(lines, { force: true });
  }
}

function sqlType(type: ScalarType): string {
  switch (type) {
    case 'int':
      return 'INTEGER';
    case 'string':
      return 'VARCHAR';
    default:
      return type.toUpperCase();
  }
}
