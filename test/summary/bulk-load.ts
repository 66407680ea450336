import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import {
  bucketOf,
  commitStaged,
  createTable,
  currentSchema,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  type Field,
  type IcebergType,
  type PartitionValue,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import { targetTables } from '../../lib/summary/tables/tables.ts';
import { versionText } from '../generators/records.ts';
import { columnNames, oracleRules, type Shape } from '../generators/shape.ts';
import { type InitialRow, type OracleRecord, rebuild, type Text } from '../oracle/summary-oracle.ts';
import { monthText } from '../oracle/worked-examples.ts';
import type { Product } from './product.ts';

type Row = Readonly<Record<string, Text | readonly Text[]>>;

/** Buckets of tables that are loaded without a configured number. */
const defaultBuckets = 2;

/** Creates the tables with these rows in them, as a migration from an older system would. No rows, no tables. */
export async function bulkLoad(product: Product, initial: readonly InitialRow[]): Promise<void> {
  if (initial.length === 0) return;
  const { world, config, shape } = product;
  const buckets = config.tables.buckets ?? defaultBuckets;
  const rows = { ...storedRows(shape, initial), tombstones: [] };
  for (const target of targetTables(
    { ...config, tables: { ...config.tables, buckets } },
    world.warehouse.root,
  )) {
    const table = await createTable({
      store: world.warehouse,
      catalog: world.catalog,
      clock: world.clock,
      ...target,
    });
    const schema = currentSchema(table);
    const spec = currentSpec(table);
    const cells = Map.groupBy(rows[target.role as keyof typeof rows], (row): string =>
      JSON.stringify([
        ...(target.role === 'summary' ? [row[columnNames.month]] : []),
        bucketOfKey(shape, buckets, String(row[columnNames.key])),
      ]),
    );
    if (cells.size === 0) continue;
    const added: DataFile[] = [];
    await using session = await world.engine.open({
      memoryBytes: 2 ** 28,
      threads: 1,
      workFolder: `${world.workRoot}/bulk-${randomBytes(4).toString('hex')}`,
    });
    for (const [cell, cellRows] of cells) {
      const name = `${randomBytes(8).toString('hex')}.parquet`;
      const lines = `${session.workFolder}/${name}.jsonl`;
      await writeFile(lines, cellRows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const columns = schema.fields.map(
        ({ name: column, type }) => `"${column}": '${typeof type === 'object' ? 'VARCHAR[]' : 'VARCHAR'}'`,
      );
      const select = `SELECT ${schema.fields.map(castField).join(', ')} FROM read_json('${lines}', format = 'newline_delimited', columns = {${columns.join(', ')}}) ORDER BY "${columnNames.key}"`;
      const [written] = await session.writeParquet({
        select,
        path: `${session.workFolder}/${name}`,
        fieldIds: fieldIds(schema),
      });
      if (written === undefined) throw new Error('nothing was written');
      const location = `${target.location}/data/${name}`;
      await world.warehouse.adopt(written.path, location);
      added.push(
        dataFileFromWritten({
          written,
          schema,
          spec,
          partition: JSON.parse(cell) as PartitionValue[],
          location,
        }),
      );
    }
    const staged = await stageCommit({
      store: world.warehouse,
      table,
      changes: { added },
      operation: 'append',
      clock: world.clock,
    });
    await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
  }
}

function bucketOfKey(shape: Shape, buckets: number, key: string): number {
  return (
    bucketOf(
      buckets,
      shape.keyType === 'bigint' ? 'long' : 'string',
      shape.keyType === 'bigint' ? BigInt(key) : key,
    ) ?? 0
  );
}

function castField({ name, type }: Field): string {
  const sql = typeof type === 'object' && type.type === 'list' ? `${sqlType(type.element)}[]` : sqlType(type);
  return `CAST("${name}" AS ${sql}) AS "${name}"`;
}

function sqlType(type: IcebergType): string {
  switch (type) {
    case 'long':
      return 'BIGINT';
    case 'int':
      return 'INTEGER';
    case 'string':
      return 'VARCHAR';
    default:
      return String(type).toUpperCase();
  }
}

function storedRows(
  shape: Shape,
  initial: readonly InitialRow[],
): { readonly summary: readonly Row[]; readonly latest: readonly Row[] } {
  const rebuilt = rebuild(oracleRules(shape), initial, []);
  const id = (key: string, month: number) => `${month} ${key}`;
  const grids = new Map(rebuilt.summary.map((row) => [id(row.key, row.month), row.grids]));
  const summary = initial.map((row) => ({
    ...storedRow(shape, row),
    ...grids.get(id(row.normal.key, row.normal.month)),
  }));
  const byId = new Map(initial.map(({ normal }, index) => [id(normal.key, normal.month), summary[index]]));
  const newest = new Map<string, number>();
  for (const { normal } of initial)
    newest.set(normal.key, Math.max(normal.month, newest.get(normal.key) ?? 0));
  const latest = rebuilt.latest.map(
    ({ key, month }): Row => ({
      ...byId.get(id(key, month)),
      pw_newest_month: monthText(newest.get(key) ?? 0),
    }),
  );
  return { summary, latest };
}

function storedRow(shape: Shape, { normal, deletion, arrays }: InitialRow): Row {
  return {
    ...normal.values,
    [columnNames.key]: normal.key,
    [columnNames.month]: monthText(normal.month),
    [columnNames.version]: versionText(Math.max(normal.version, deletion?.version ?? normal.version)),
    ...(deletion === undefined
      ? {}
      : { [columnNames.deleteCode]: deletion.values[columnNames.deleteCode] ?? null }),
    ...Object.fromEntries(shape.history.map(({ name }) => [`${name}_history`, arrays[name] ?? []])),
    ...register('rec', normal),
    ...(deletion === undefined ? {} : register('del', deletion)),
    ...(shape.overrides === undefined
      ? {}
      : {
          pw_rec_date: normal.values[shape.overrides] ?? null,
          pw_rec_code: normal.values[columnNames.deleteCode] ?? null,
          pw_del_code: deletion?.values[columnNames.deleteCode] ?? null,
        }),
    changed_run: 'bulk-load',
  };
}

function register(kind: 'rec' | 'del', record: OracleRecord): Row {
  const ties = record.ties.map(
    (tie, index) => [`pw_${kind}_tie${index + 1}`, tie === null ? null : String(tie)] as const,
  );
  return {
    [`pw_${kind}_version`]: versionText(record.version),
    [`pw_${kind}_hash`]: '1',
    ...Object.fromEntries(ties),
  };
}
