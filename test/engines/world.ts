import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession, FieldIdTree } from '../../lib/engine/engine.ts';
import { text, textList } from '../../lib/engine/sql.ts';
import {
  assertReadable,
  bucketOf,
  type Changes,
  commitStaged,
  createTable,
  currentSchema,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  type Field,
  type IcebergType,
  liveFiles,
  loadTable,
  positionDeleteFieldIds,
  type ScanFile,
  type StageCommitOptions,
  stageCommit,
  type Table,
} from '../../lib/iceberg/index.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { filePath, joinLocation } from '../../lib/stores/location.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';
import { openSqliteCatalog, type SqliteCatalog } from '../../lib/stores/sqlite/catalog.ts';
import { type Engines, enginesOf, type Row } from './driver.ts';

/** Every type that the products' tables use. */
const fields: readonly Field[] = [
  { id: 1, name: 'key', required: true, type: 'string' },
  { id: 2, name: 'month', required: false, type: 'string' },
  { id: 3, name: 'i', required: false, type: 'int' },
  { id: 4, name: 'l', required: false, type: 'long' },
  { id: 5, name: 'small', required: false, type: 'decimal(9,2)' },
  { id: 6, name: 'big', required: false, type: 'decimal(38,5)' },
  { id: 7, name: 'd', required: false, type: 'double' },
  { id: 8, name: 'day', required: false, type: 'date' },
  { id: 9, name: 'at', required: false, type: 'timestamp' },
  { id: 10, name: 'zoned', required: false, type: 'timestamptz' },
  { id: 11, name: 'flag', required: false, type: 'boolean' },
  {
    id: 12,
    name: 'history',
    required: false,
    type: { type: 'list', elementId: 14, element: 'long', elementRequired: false },
  },
  {
    id: 13,
    name: 'codes',
    required: false,
    type: { type: 'list', elementId: 15, element: 'string', elementRequired: false },
  },
];
const buckets = 4;
const namespace = 'ns';

export interface World extends AsyncDisposable {
  readonly store: ObjectStore;
  readonly catalog: SqliteCatalog;
  readonly engines: Engines;
  readonly session: EngineSession;
  /** Name of the current table with its namespace. */
  tableName(): string;
  /** Makes a table, which is the current one from then on. */
  create(options: { readonly name: string; readonly lists: boolean }): Promise<Table>;
  load(): Promise<Table>;
  /** One data file per cell. `n` numbers make the rows: the same number is always the same row. */
  write(table: Table, numbers: readonly number[], change?: string): Promise<readonly DataFile[]>;
  deletes(table: Table, target: DataFile, positions: readonly number[]): Promise<DataFile>;
  commit(changes: Changes, options?: Partial<StageCommitOptions>): Promise<Table>;
  files(branch?: string): Promise<readonly ScanFile[]>;
  /** What our own layer says is in the table, read by DuckDB file by file. */
  rows(branch?: string): Promise<readonly Row[]>;
}

/** @example rowOf(3) has key 'k3' and month '2026-01' */
function selectRow(n: number): string {
  const month = n % 7 === 0 ? 'NULL' : text(`2026-0${1 + (n % 3)}`);
  return `SELECT ${text(`k${n}`)}::VARCHAR "key", ${month}::VARCHAR "month", ${n}::INTEGER i, (${n}::BIGINT * 1000000000007)::BIGINT l,
    (${n} - 5.25)::DECIMAL(9,2) small, (${n} * -12345678901234567890.12345)::DECIMAL(38,5) big, (${n} / 4.0)::DOUBLE d,
    DATE '1969-12-25' + ${n} AS "day", TIMESTAMP '1969-12-31 23:59:59.123456' + INTERVAL (${n}) HOUR "at",
    TIMESTAMPTZ '2026-03-01 00:00:00.5+00' + INTERVAL (${n}) DAY zoned, ${n % 2 === 0} flag,
    ${n % 5 === 0 ? 'NULL' : `[${n}, NULL, ${n + 1}]`}::BIGINT[] history, [${text(`ä${n}`)}, NULL]::VARCHAR[] codes`;
}

export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-engines-'));
  const warehousePath = join(folder, 'warehouse');
  const catalogPath = join(folder, 'catalog.db');
  const store = await openDirectoryStore({ path: warehousePath });
  const catalog = await openSqliteCatalog({ path: catalogPath, name: 'local' });
  const session = await openDuckDb({ memoryBytes: 512 << 20, threads: 1, workFolder: join(folder, 'work') });
  const engines = enginesOf({ catalogPath, warehousePath });
  const clock = { now: () => Date.now() };
  let current = { name: '', lists: true };
  const load = () => loadTable({ store, catalog, identifier: { namespace, name: current.name } });
  let outputs = 0;

  async function place(table: Table, select: string, fieldIds: FieldIdTree) {
    outputs += 1;
    const [written] = await session.writeParquet({
      select,
      path: join(folder, 'work', `out-${outputs}.parquet`),
      fieldIds,
    });
    if (written === undefined) throw new Error('nothing was written');
    const location = joinLocation(table.metadata.location, 'data', `file-${outputs}.parquet`);
    await store.adopt(written.path, location);
    return { written, location };
  }

  const files = async (branch = 'main') => {
    const table = await load();
    const found: ScanFile[] = [];
    for await (const scan of liveFiles({ store, table, snapshotId: table.metadata.refs[branch]?.snapshotId }))
      found.push(scan);
    return found;
  };

  return {
    store,
    catalog,
    engines,
    session,
    load,
    files,
    tableName: () => `${namespace}.${current.name}`,
    create: (options) => {
      current = options;
      const { name, lists } = options;
      return createTable({
        store,
        catalog,
        identifier: { namespace, name },
        location: joinLocation(store.root, namespace, name),
        fields: fields.filter((field) => lists || typeof field.type === 'string'),
        partitionFields: [
          { sourceId: 2, fieldId: 1000, name: 'month', transform: 'identity' },
          { sourceId: 1, fieldId: 1001, name: 'key_bucket', transform: `bucket[${buckets}]` },
        ],
        clock,
      });
    },
    async write(table, numbers, change = current.lists ? '*' : '* EXCLUDE (history, codes)') {
      const cells = Map.groupBy(
        numbers,
        (n) => `${n % 7 === 0 ? '' : `2026-0${1 + (n % 3)}`}/${bucketOf(buckets, 'string', `k${n}`)}`,
      );
      const made: DataFile[] = [];
      const schema = currentSchema(table);
      for (const [cell, members] of cells) {
        const [month = '', bucket = ''] = cell.split('/');
        const select = `SELECT ${change} FROM (${members.map(selectRow).join(' UNION ALL ')}) ORDER BY i`;
        const { written, location } = await place(table, select, fieldIdTree(schema.fields));
        made.push(
          dataFileFromWritten({
            written,
            schema,
            spec: currentSpec(table),
            partition: [month === '' ? null : month, Number(bucket)],
            location,
          }),
        );
      }
      return made;
    },
    async deletes(table, target, positions) {
      const select = positions
        .map((pos) => `SELECT ${text(target.location)}::VARCHAR file_path, ${pos}::BIGINT pos`)
        .join(' UNION ALL ');
      const { written, location } = await place(table, `${select} ORDER BY 1, 2`, positionDeleteFieldIds);
      return dataFileFromWritten({
        written,
        location,
        content: 'position-deletes',
        schema: currentSchema(table),
        spec: currentSpec(table),
        partition: target.partition,
        referencedDataFile: target.location,
      });
    },
    async commit(changes, options = {}) {
      const table = options.table ?? (await load());
      const staged = await stageCommit({ store, table, clock, operation: 'overwrite', changes, ...options });
      await commitStaged({ store, catalog, staged: [staged] });
      return staged.table;
    },
    async rows(branch) {
      const schema = currentSchema(await load());
      const found: Row[] = [];
      for (const scan of await files(branch)) {
        assertReadable(scan);
        found.push(...(await session.query(selectLive(scan, schema.fields))));
      }
      return found;
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      catalog[Symbol.dispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function fieldIdTree(columns: readonly Field[]): FieldIdTree {
  return Object.fromEntries(
    columns.map(({ id, name, type }) => [
      name,
      typeof type === 'object' && type.type === 'list' ? { id, children: { element: type.elementId } } : id,
    ]),
  );
}

/** Rows of a data file that no position delete hides, columns by field id, in the spelling of driver.py. */
function selectLive({ file, deletes }: ScanFile, columns: readonly Field[]): string {
  const schema = columns.map(
    ({ id, name, type }) => `${id}: {name: ${text(name)}, type: ${text(sqlType(type))}, default_value: NULL}`,
  );
  const dead =
    deletes.length === 0
      ? ''
      : `WHERE file_row_number NOT IN (SELECT pos FROM read_parquet(${textList(deletes.map((item) => filePath(item.file.location)))})
          WHERE regexp_replace(file_path, '^file:/+', '/') = ${text(filePath(file.location))})`;
  return `SELECT ${columns.map(spelling).join(', ')} FROM read_parquet(${text(filePath(file.location))}, schema = MAP {${schema.join(', ')}}, file_row_number = true) ${dead}`;
}

function spelling({ name, type }: Field): string {
  if (type === 'timestamp' || type === 'timestamptz')
    return `strftime("${name}"::TIMESTAMP, '%Y-%m-%d %H:%M:%S.%f') "${name}"`;
  if (type === 'date' || (typeof type === 'string' && type.startsWith('decimal')))
    return `"${name}"::VARCHAR "${name}"`;
  return `"${name}"`;
}

function sqlType(type: IcebergType): string {
  if (typeof type === 'object') return type.type === 'list' ? `${sqlType(type.element)}[]` : 'unexpected';
  const names: Readonly<Record<string, string>> = {
    string: 'VARCHAR',
    int: 'INTEGER',
    long: 'BIGINT',
    timestamptz: 'TIMESTAMP WITH TIME ZONE',
  };
  return names[type] ?? type.toUpperCase();
}

/** Rows in an order of their own and as plain JSON, so that engines compare. */
export function canonical(rows: readonly Row[]): readonly string[] {
  return rows
    .map((row) =>
      JSON.stringify(Object.fromEntries(Object.entries(row).sort()), (_key, value: unknown) =>
        typeof value === 'bigint' ? Number(value) : value,
      ),
    )
    .sort();
}
