import { open } from 'node:fs/promises';
import type { PipelineConfig } from '../../config/schema.ts';
import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import { identifier } from '../../engine/sql.ts';
import { PoisonInputError, StorageFullError, UnitTooLargeError } from '../../errors.ts';
import { literalPath } from './literal-path.ts';
import type { OpenedSource, OpenOptions } from './open.ts';
import { pagesOf } from './parquet-pages.ts';
import { withoutPath } from './poison.ts';

/** What one footer or one page may claim; a file that claims more is refused before it is read. */
const parquetLimits = {
  footerBytes: 64e6,
  pageBytes: 256e6,
  freeRows: 64e6,
  freeBytes: 256e6,
} as const;

const rowNumber = 'file_row_number';

/** Opens a Parquet file after its footer and page headers were held against the limits. @throws PoisonInputError */
export async function openParquet(options: OpenOptions): Promise<OpenedSource> {
  const { session, path, limits } = options;
  await checkFooterLength(path, options.sizeBytes);
  const literal = literalPath(path);
  const [file] = await read(
    session,
    `SELECT num_rows, num_row_groups FROM parquet_file_metadata(${literal})`,
  );
  checkClaims(options, Number(file?.['num_rows']), Number(file?.['num_row_groups']));
  const [schema] = await read(
    session,
    `SELECT count(*) AS leaves FROM parquet_schema(${literal}) WHERE coalesce(num_children, 0) = 0`,
  );
  if (Number(schema?.leaves) > limits.columns) {
    throw new PoisonInputError(
      `the file has ${schema?.leaves} columns; allowed: ${limits.columns} (limits.columns)`,
    );
  }
  const plain = `read_parquet([${literal}], hive_partitioning = false`;
  const columns = (await read(session, `DESCRIBE SELECT * FROM ${plain})`)).map((row) => ({
    name: String(row['column_name']),
    type: String(row['column_type']),
  }));
  if (columns.some(({ name }) => name.toLowerCase() === rowNumber)) {
    throw new PoisonInputError(`the file has a column ${rowNumber}, a name that the reader needs`);
  }
  await checkChunks(options, Number(file?.['num_rows']));
  const reader = `${plain}, file_row_number = true)`;
  const fields = columns
    .map(({ name }) => `${identifier(name)} := CAST(${identifier(name)} AS VARCHAR)`)
    .join(', ');
  return {
    columns,
    sparse: false,
    rows: Number(file?.['num_rows']),
    rejected: 0,
    select: (wanted) =>
      `SELECT ${rowNumber} + 1 AS pw_row${wanted.map((name, at) => `, ${identifier(name)} AS s${at}`).join('')} FROM ${reader}`,
    raw: `SELECT ${rowNumber} + 1 AS pw_row, CAST(to_json(struct_pack(${fields})) AS VARCHAR) AS pw_raw FROM ${reader}`,
  };
}

async function read(session: EngineSession, sql: string): Promise<readonly SqlRow[]> {
  try {
    return await session.query(sql);
  } catch (cause) {
    if (cause instanceof UnitTooLargeError || cause instanceof StorageFullError) throw cause;
    const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new PoisonInputError(`the Parquet file cannot be read: ${withoutPath(message)}`, { cause });
  }
}

/** The last eight bytes: length of the footer, magic (https://parquet.apache.org/docs/file-format/). */
async function checkFooterLength(path: string, sizeBytes: number): Promise<void> {
  if (sizeBytes < 12) throw new PoisonInputError('the Parquet file is truncated: it has no footer');
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, sizeBytes - 8);
    if (buffer.toString('latin1', 4) !== 'PAR1')
      throw new PoisonInputError('the Parquet file is truncated or has bytes after its end');
    const footerBytes = buffer.readUInt32LE(0);
    if (footerBytes > sizeBytes - 12)
      throw new PoisonInputError(`the footer claims ${footerBytes} bytes, more than the file has`);
    if (footerBytes > parquetLimits.footerBytes) {
      throw new PoisonInputError(
        `the footer has ${footerBytes} bytes; allowed: ${parquetLimits.footerBytes}`,
      );
    }
  } finally {
    await file.close();
  }
}

function checkClaims({ sizeBytes, limits }: OpenOptions, rows: number, rowGroups: number): void {
  if (rowGroups > limits.rowGroups) {
    throw new PoisonInputError(
      `the file has ${rowGroups} row groups; allowed: ${limits.rowGroups} (limits.rowGroups)`,
    );
  }
  const allowedRows = Math.max(parquetLimits.freeRows, sizeBytes * limits.expansion);
  if (!(rows >= 0) || rows > allowedRows)
    throw new PoisonInputError(`the file claims ${rows} rows; allowed for its size: ${allowedRows}`);
}

async function checkChunks(options: OpenOptions, rows: number): Promise<void> {
  const { session, path, sizeBytes, limits } = options;
  const metadata = `parquet_metadata(${literalPath(path)})`;
  const [sums] = await read(
    session,
    `SELECT sum(total_uncompressed_size) AS bytes, min(num_values) AS least, (SELECT sum(n) FROM (SELECT any_value(row_group_num_rows) AS n FROM ${metadata} GROUP BY row_group_id)) AS n FROM ${metadata}`,
  );
  const bytes = Number(sums?.['bytes'] ?? 0);
  const allowedBytes = allowedExpansion(sizeBytes, limits);
  if (bytes > allowedBytes)
    throw new PoisonInputError(
      `the file claims ${bytes} bytes of data; allowed for its size: ${allowedBytes} (limits.expansion)`,
    );
  if (Number(sums?.['n'] ?? 0) !== rows)
    throw new PoisonInputError(`the file claims ${rows} rows, its row groups ${sums?.['n'] ?? 0}`);
  const file = await open(path);
  try {
    const chunks = session.stream(
      `SELECT path_in_schema AS name, CAST(CASE WHEN dictionary_page_offset > 0 AND dictionary_page_offset < data_page_offset THEN dictionary_page_offset ELSE data_page_offset END AS DOUBLE) AS first, CAST(total_compressed_size AS DOUBLE) AS bytes FROM ${metadata}`,
    );
    for await (const batch of chunks) {
      for (const chunk of batch)
        await checkPages(
          file,
          String(chunk['name']),
          Number(chunk['first']),
          Number(chunk['bytes']),
          sizeBytes,
        );
    }
  } finally {
    await file.close();
  }
}

async function checkPages(
  file: Awaited<ReturnType<typeof open>>,
  name: string,
  first: number,
  bytes: number,
  sizeBytes: number,
): Promise<void> {
  if (first < 4 || bytes < 0 || first + bytes > sizeBytes - 8)
    throw new PoisonInputError(`column ${name} claims bytes outside of the file`);
  for await (const page of pagesOf(file, first, first + bytes)) {
    if (page.uncompressedBytes > parquetLimits.pageBytes || page.uncompressedBytes < 0) {
      throw new PoisonInputError(
        `a page of column ${name} claims ${page.uncompressedBytes} bytes; allowed: ${parquetLimits.pageBytes}`,
      );
    }
    if (!page.intact) throw new PoisonInputError(`a page of column ${name} does not have its checksum`);
  }
}

/** Bytes that a Parquet file of this size may expand to. */
function allowedExpansion(sizeBytes: number, limits: Pick<PipelineConfig['limits'], 'expansion'>): number {
  return Math.max(parquetLimits.freeBytes, sizeBytes * limits.expansion);
}
