import type { EngineSession } from '../../engine/engine.ts';
import { textList } from '../../engine/sql.ts';
import type { Field } from '../../iceberg/types.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import type { Findings } from './findings.ts';

interface ExpectedFile {
  readonly location: Location;
  readonly rows: number;
  readonly sizeBytes: number;
}

export interface ExpectedColumn {
  readonly name: string;
  readonly sqlType: string;
  /** undefined: the file is no table data. */
  readonly fieldId: number | undefined;
}

interface FilesOptions {
  readonly session: EngineSession;
  readonly store: ObjectStore;
  readonly findings: Findings;
  readonly check: string;
  readonly files: readonly ExpectedFile[];
  readonly columns: readonly ExpectedColumn[];
}

/** Every file is there with the rows and bytes that are recorded, and with exactly these columns. Reads footers only. */
export async function auditFiles(options: FilesOptions): Promise<void> {
  const { session, findings, check, files } = options;
  findings.checked(check, files.length);
  const byPath = new Map<string, ExpectedFile>();
  for (const file of files) {
    if ((await options.store.head(file.location)) === undefined)
      findings.failed(check, `${file.location}: ${file.rows} rows recorded, the file is gone`);
    else byPath.set(await options.store.localPath(file.location), file);
  }
  if (byPath.size === 0) return;
  const list = textList([...byPath.keys()]);
  for (const row of await session.query(
    `SELECT file_name, num_rows, file_size_bytes FROM parquet_file_metadata(${list})`,
  )) {
    const file = byPath.get(String(row['file_name']));
    if (file === undefined) continue;
    findings.same(check, `${file.location}: rows`, file.rows, Number(row['num_rows']));
    findings.same(check, `${file.location}: bytes`, file.sizeBytes, Number(row['file_size_bytes']));
  }
  const expected = options.columns.map(described).sort().join(', ');
  const found = await session.query(
    `SELECT file_name, list([name, coalesce(duckdb_type, 'LIST'), CAST(field_id AS VARCHAR)]) AS columns FROM parquet_schema(${list}) WHERE duckdb_type IS NOT NULL OR converted_type = 'LIST' GROUP BY file_name`,
  );
  for (const row of found) {
    const columns = (row['columns'] as readonly (readonly (string | null)[])[])
      .map(([name, sqlType, id]) =>
        described({
          name: name ?? '',
          sqlType: sqlType ?? '',
          fieldId: id === null || id === undefined ? undefined : Number(id),
        }),
      )
      .sort()
      .join(', ');
    const file = byPath.get(String(row['file_name']));
    findings.same(check, `${file?.location}: columns`, expected, columns);
  }
}

function described({ name, sqlType, fieldId }: ExpectedColumn): string {
  return `${name} ${sqlType}${fieldId === undefined ? '' : ` #${fieldId}`}`;
}

/** A table's columns as its files have them. */
export function columnsOf(fields: readonly Field[]): readonly ExpectedColumn[] {
  return fields.flatMap(({ id, name, type }) =>
    typeof type === 'object' && type.type === 'list'
      ? listColumn(name, engineType(String(type.element)), { list: id, element: type.elementId })
      : [{ name, sqlType: engineType(String(type)), fieldId: id }],
  );
}

/** A file says of a list that it is one, and what its elements are. */
export function listColumn(
  name: string,
  elementSqlType: string,
  ids?: { readonly list: number; readonly element: number },
): readonly ExpectedColumn[] {
  return [
    { name, sqlType: 'LIST', fieldId: ids?.list },
    { name: 'element', sqlType: elementSqlType, fieldId: ids?.element },
  ];
}

/** The engine's name of a column's type in the table format. */
function engineType(type: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'VARCHAR',
    int: 'INTEGER',
    long: 'BIGINT',
    date: 'DATE',
    timestamp: 'TIMESTAMP',
  };
  return names[type] ?? type.toUpperCase();
}
