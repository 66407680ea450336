import { identifier, text } from '../../engine/sql.ts';
import { PoisonInputError } from '../../errors.ts';
import type { OpenedSource, OpenOptions } from './open.ts';

/** Opens a Parquet file after its footer was held against the limits. @throws PoisonInputError */
export async function openParquet(options: OpenOptions): Promise<OpenedSource> {
  const { session, path, limits } = options;
  const read = async (sql: string) => {
    try {
      return await session.query(sql);
    } catch (cause) {
      throw new PoisonInputError(
        `the Parquet file cannot be read: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
        { cause },
      );
    }
  };
  const [file] = await read(`SELECT num_rows, num_row_groups FROM parquet_file_metadata(${text(path)})`);
  if (Number(file?.['num_row_groups']) > limits.rowGroups) {
    throw new PoisonInputError(
      `the file has ${file?.['num_row_groups']} row groups; allowed: ${limits.rowGroups} (limits.rowGroups)`,
    );
  }
  const reader = `read_parquet([${text(path)}], file_row_number = true)`;
  const described = (await read(`DESCRIBE SELECT * FROM ${reader}`)).map((row) => ({
    name: String(row['column_name']),
    type: String(row['column_type']),
  }));
  const columns = described.filter((column) => column.name !== 'file_row_number');
  if (columns.length > limits.columns) {
    throw new PoisonInputError(
      `the file has ${columns.length} columns; allowed: ${limits.columns} (limits.columns)`,
    );
  }
  const all = columns.map(({ name }) => identifier(name)).join(', ');
  return {
    columns,
    rows: Number(file?.['num_rows']),
    rejected: 0,
    select: (wanted) =>
      `SELECT file_row_number + 1 AS pw_row${wanted.map((name, at) => `, ${identifier(name)} AS s${at}`).join('')} FROM ${reader}`,
    raw: `SELECT file_row_number + 1 AS pw_row, CAST(to_json(struct_pack(${all})) AS VARCHAR) AS pw_raw FROM ${reader}`,
  };
}
