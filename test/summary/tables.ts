import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { currentSnapshot, liveFiles, loadTable, type TableIdentifier } from '../../lib/iceberg/index.ts';
import type { LocalWorld } from '../../lib/run/local/local.ts';
import { columnNames, type ScalarType, type Shape, sourceColumns } from '../generators/shape.ts';
import type { OracleTables, Text } from '../oracle/summary-oracle.ts';

/** A row as it is stored, every value as text, lists as lists of text. */
export type StoredRow = Readonly<Record<string, Text | readonly Text[]>>;

export interface StoredTables {
  readonly summary: readonly StoredRow[];
  readonly latest: readonly StoredRow[];
  readonly tombstones: readonly StoredRow[];
}

export type TableRole = keyof StoredTables;
export const tableRoles: readonly TableRole[] = ['summary', 'latest', 'tombstones'];

export const tableIdentifier = (role: TableRole, pipeline = 'proof'): TableIdentifier => ({
  namespace: 'partwise',
  name: `${pipeline}_${role}`,
});

/** Reads all three tables by SQL over their live files, position deletes honoured. A table that is not there has no rows. */
export async function readTables(
  world: Pick<LocalWorld, 'rootPath' | 'warehouse' | 'catalog'>,
  branch = 'main',
  pipeline = 'proof',
): Promise<StoredTables> {
  const folder = `${world.rootPath}/read-${randomBytes(4).toString('hex')}`;
  await mkdir(folder);
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    temp_directory: `${folder}/spill`,
    memory_limit: '1GB',
  });
  const connection = await instance.connect();
  try {
    const tables = { summary: [] as StoredRow[], latest: [] as StoredRow[], tombstones: [] as StoredRow[] };
    for (const role of tableRoles)
      tables[role] = await readTable(world, connection, tableIdentifier(role, pipeline), branch);
    return tables;
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

async function readTable(
  world: Pick<LocalWorld, 'warehouse' | 'catalog'>,
  connection: DuckDBConnection,
  identifier: TableIdentifier,
  branch: string,
): Promise<StoredRow[]> {
  if ((await world.catalog.current(identifier)) === undefined) return [];
  const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
  const data: string[] = [];
  /** A data file's local path with each spelling of its location that position deletes may use. */
  const spellings: string[] = [];
  const deletes = new Set<string>();
  let recordedRows = 0;
  for await (const scan of liveFiles({
    store: world.warehouse,
    table,
    snapshotId: currentSnapshot(table, branch)?.snapshotId,
  })) {
    const info = await world.warehouse.head(scan.file.location);
    if (info?.sizeBytes !== scan.file.sizeBytes)
      throw new Error(`${scan.file.location}: ${info?.sizeBytes} bytes, recorded ${scan.file.sizeBytes}`);
    const path = await world.warehouse.localPath(scan.file.location);
    data.push(path);
    for (const one of new Set([scan.file.location, scan.file.location.replace('file:///', 'file:/')]))
      spellings.push(`(${quoted(path)}, ${quoted(one)})`);
    recordedRows += scan.file.rows;
    for (const one of scan.deletes) deletes.add(await world.warehouse.localPath(one.file.location));
  }
  if (data.length === 0) return [];
  const files = `read_parquet(${list(data)}, filename = 'pw_file', file_row_number = true, union_by_name = true, hive_partitioning = false)`;
  const counted = await rows(connection, `SELECT count(*)::VARCHAR AS n FROM ${files}`);
  if (Number(counted[0]?.n) !== recordedRows)
    throw new Error(`${identifier.name}: ${counted[0]?.n} rows in the files, ${recordedRows} recorded`);
  const alive =
    deletes.size === 0
      ? 'true'
      : `NOT EXISTS (SELECT 1 FROM read_parquet(${list([...deletes])}, hive_partitioning = false) AS gone JOIN (VALUES ${spellings.join(', ')}) AS spelt(path, name) ON gone.file_path = spelt.name WHERE spelt.path = live.pw_file AND gone.pos = live.file_row_number)`;
  return rows(connection, `SELECT * EXCLUDE (pw_file, file_row_number) FROM ${files} AS live WHERE ${alive}`);
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const list = (paths: readonly string[]): string => `[${paths.map(quoted).join(', ')}]`;

async function rows(connection: DuckDBConnection, sql: string): Promise<StoredRow[]> {
  const types = await connection.runAndReadAll(`DESCRIBE ${sql}`);
  const columns = types.getRowObjects().map((row) => {
    const name = `"${String(row['column_name']).replaceAll('"', '""')}"`;
    const type = String(row['column_type']);
    if (type.startsWith('DOUBLE')) return name;
    return type.endsWith('[]')
      ? `CAST(${name} AS VARCHAR[]) AS ${name}`
      : `CAST(${name} AS VARCHAR) AS ${name}`;
  });
  const read = await connection.runAndReadAll(`SELECT ${columns.join(', ')} FROM (${sql})`);
  return read
    .getRowObjectsJson()
    .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])));
}

/** Lists stay lists, doubles become text as JavaScript prints them. */
function plain(value: unknown): Text | Text[] {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((entry) => (entry === null ? null : String(entry)));
  return String(value);
}

/** The stored tables in the oracle's form, without what is outside of the rebuild equality. */
export function comparable(shape: Shape, stored: StoredTables): OracleTables {
  const row = (one: StoredRow): OracleTables['summary'][number] => {
    const code = scalar(one[columnNames.deleteCode]);
    return {
      key: String(one[columnNames.key]),
      month: monthOf(one[columnNames.month]),
      alive: !shape.deletes || !(code === '1' || code === '4'),
      values: Object.fromEntries(
        valueColumns(shape).map(({ name, type }) => [name, canonical(type, scalar(one[name]))]),
      ),
      arrays: Object.fromEntries(
        shape.history.map(({ name, from }) => {
          const entries = one[`${name}_history`];
          const type = shape.columns.find((column) => column.name === from)?.type ?? 'string';
          return [name, (Array.isArray(entries) ? entries : []).map((entry: Text) => canonical(type, entry))];
        }),
      ),
      grids: Object.fromEntries(shape.grids.map(({ name }) => [name, String(one[name])])),
    };
  };
  return {
    summary: stored.summary.map(row).sort(byKeyAndMonth),
    latest: stored.latest.map(row).sort(byKeyAndMonth),
    tombstones: stored.tombstones
      .map((one) => ({
        key: String(one[columnNames.key]),
        month: monthOf(one[columnNames.month]),
        code: scalar(one.pw_del_code),
        ...(typeof one.pw_fed_date === 'string'
          ? { feed: { date: one.pw_fed_date, code: scalar(one.pw_fed_code) } }
          : {}),
      }))
      .sort(byKeyAndMonth),
  };
}

function valueColumns(
  shape: Shape,
): readonly { readonly name: string; readonly type: ScalarType | 'month' }[] {
  const own: readonly string[] = [columnNames.key, columnNames.month, columnNames.version];
  return sourceColumns(shape).filter(({ name }) => !own.includes(name));
}

function scalar(value: StoredRow[string] | undefined): Text {
  return typeof value === 'string' ? value : null;
}

function canonical(type: ScalarType | 'month', value: Text): Text {
  return value !== null && type === 'double' ? String(Number(value)) : value;
}

function monthOf(value: StoredRow[string] | undefined): number {
  const text = String(value);
  return Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7));
}

function byKeyAndMonth(
  a: { readonly key: string; readonly month: number },
  b: { readonly key: string; readonly month: number },
): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : a.month - b.month;
}

/** Keys whose row in `latest` is not, column by column, a row of `summary`; empty when all is well. */
export function latestDifferences(stored: StoredTables): readonly string[] {
  const rowsOf = new Map(
    stored.summary.map((row) => [JSON.stringify([row[columnNames.key], row[columnNames.month]]), row]),
  );
  return stored.latest.flatMap((row) => {
    const twin = rowsOf.get(JSON.stringify([row[columnNames.key], row[columnNames.month]]));
    if (twin === undefined) return [`${row[columnNames.key]}: no row of ${row[columnNames.month]}`];
    return Object.keys(twin)
      .filter((name) => JSON.stringify(twin[name]) !== JSON.stringify(row[name]))
      .map(
        (name) =>
          `${row[columnNames.key]}: ${name} is ${JSON.stringify(row[name])}, in summary ${JSON.stringify(twin[name])}`,
      );
  });
}
