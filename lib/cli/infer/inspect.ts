import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { ColumnType } from '../../config/index.ts';
import { openDuckDb } from '../../engine/duckdb.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import { UsageError } from '../../errors.ts';
import { headerOf } from './header.ts';

export type FileFormat = 'parquet' | 'csv' | 'jsonl';

/** A column of the file, as far as its name, type and first rows tell. */
export interface SourceColumn {
  readonly name: string;
  /** The type that the tables would have; undefined when they have none for it (lists, structs, blobs, times). */
  readonly type: ColumnType | undefined;
  /** The engine's name of the type, for people. */
  readonly engineType: string;
  /** Every sampled value reads as a month: a date, a timestamp, YYYY-MM, YYYYMM or YYYY-MM-DD. */
  readonly readsAsMonth: boolean;
  readonly hasNull: boolean;
  readonly sample: string | undefined;
}

export interface InspectedFile {
  readonly path: string;
  readonly format: FileFormat;
  readonly csv: { readonly delimiter: string; readonly quote: string } | undefined;
  readonly columns: readonly SourceColumn[];
  readonly sampledRows: number;
}

const sampleRows = 20_000;

/** Columns and first rows of a file. @throws UsageError when it cannot be read as what its name says */
export async function inspectFile(path: string, workFolder: string): Promise<InspectedFile> {
  const format = formatOf(path);
  await using session = await openDuckDb({
    memoryBytes: 512e6,
    threads: Math.min(4, availableParallelism()),
    workFolder,
  });
  try {
    return await inspect(session, path, format);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const reason = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause);
    throw new UsageError(`${path} cannot be read as ${format}: ${reason}`, {
      cause,
      safe: 'nothing was written',
    });
  }
}

function formatOf(path: string): FileFormat {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  switch (extname(name)) {
    case '.parquet':
    case '.pq':
      return 'parquet';
    case '.csv':
    case '.tsv':
    case '.txt':
      return 'csv';
    case '.jsonl':
    case '.ndjson':
    case '.json':
      return 'jsonl';
    default:
      throw new UsageError(`${path}: the name does not say whether this is Parquet, CSV or JSON lines`, {
        next: 'give the file the ending .parquet, .csv, .csv.gz or .jsonl',
      });
  }
}

async function inspect(session: EngineSession, path: string, format: FileFormat): Promise<InspectedFile> {
  const csv = format === 'csv' ? await sniffCsv(session, path) : undefined;
  await session.execute(
    `CREATE TABLE sample AS SELECT * FROM ${reader(path, format, csv)} LIMIT ${sampleRows}`,
  );
  const described = await session.query('DESCRIBE sample');
  const columns: SourceColumn[] = [];
  const header = await headerOf(session, { path, format, csv });
  for (const [at, row] of described.entries()) {
    const column = await inspectColumn(session, String(row.column_name), String(row.column_type));
    // A run knows columns by the names that the file has for them. Of Parquet it knows the engine's.
    const name = format === 'csv' ? header?.[at] : undefined;
    columns.push(name === undefined || name === '' ? column : { ...column, name });
  }
  const [counted] = await session.query('SELECT count(*)::INTEGER AS n FROM sample');
  return { path, format, csv, columns, sampledRows: Number(counted?.n ?? 0) };
}

function reader(path: string, format: FileFormat, csv: InspectedFile['csv']): string {
  if (format === 'parquet') return `read_parquet(${text(path)})`;
  if (format === 'jsonl') return `read_json(${text(path)}, format = 'newline_delimited')`;
  const options =
    csv === undefined ? '' : `, delim = ${text(csv.delimiter)}, quote = ${text(csv.quote)}, header = true`;
  return `read_csv(${text(path)}, sample_size = ${sampleRows}, ignore_errors = true${options})`;
}

async function sniffCsv(
  session: EngineSession,
  path: string,
): Promise<{ readonly delimiter: string; readonly quote: string }> {
  const [found] = await session.query(
    `SELECT Delimiter AS delimiter, Quote AS quote FROM sniff_csv(${text(path)}, sample_size = ${sampleRows})`,
  );
  const quote = String(found?.quote ?? '');
  return {
    delimiter: String(found?.delimiter ?? ','),
    quote: quote.length === 1 && quote !== '\0' ? quote : '"',
  };
}

async function inspectColumn(
  session: EngineSession,
  name: string,
  engineType: string,
): Promise<SourceColumn> {
  const column = identifier(name);
  const asText = `trim(CAST(${column} AS VARCHAR))`;
  const [found] = await session.query(`
    SELECT coalesce(bool_or(${column} IS NULL), false) AS has_null,
      coalesce(bool_and(regexp_full_match(${asText}, '(19|20|21)\\d\\d-?(0[1-9]|1[0-2])(-?[0-3]\\d([ T].*)?)?')), false) AS month_like,
      any_value(CAST(${column} AS VARCHAR)) AS sample
    FROM sample`);
  const sample = found?.sample;
  return {
    name,
    type: tableType(engineType),
    engineType,
    readsAsMonth: found?.month_like === true && !/^(DOUBLE|FLOAT|DECIMAL|BOOLEAN)/.test(engineType),
    hasNull: found?.has_null === true,
    sample: typeof sample === 'string' ? sample : undefined,
  };
}

/** The table's type for an engine's type. Unsigned and very wide integers take the next type that holds them all. */
export function tableType(engineType: string): ColumnType | undefined {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(engineType);
  if (decimal !== null) return `decimal(${decimal[1]},${decimal[2]})`;
  if (/^TIMESTAMP/.test(engineType)) return 'timestamp';
  return simpleTypes[engineType];
}

const simpleTypes: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'int',
  SMALLINT: 'int',
  INTEGER: 'int',
  UTINYINT: 'int',
  USMALLINT: 'int',
  UINTEGER: 'bigint',
  BIGINT: 'bigint',
  UBIGINT: 'decimal(20,0)',
  HUGEINT: 'decimal(38,0)',
  FLOAT: 'double',
  DOUBLE: 'double',
  VARCHAR: 'string',
  UUID: 'string',
  DATE: 'date',
};
