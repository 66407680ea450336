import type { SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import { currentSchema, type PrimitiveType, type Table } from '../../iceberg/index.ts';
import { rowBytes } from '../tables/buckets.ts';
import { changedRun, type SummaryShape } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';

interface RewriteOptions {
  /** Name of the catalog in Spark, which a first part of a table's name is taken for. */
  readonly catalog: string;
  readonly table: Table;
  readonly config: SummaryConfig;
  readonly shape: SummaryShape;
  readonly rows: number;
  readonly months: number;
}

/** Months of a table that nobody has counted. */
const usualMonths = 36;

/**
 * The statement with which Spark (3.4 or later, Iceberg catalog) makes a table that can be adopted, beside the one that is
 * there: partitioned by month and bucket, exact types, arrays of H entries, and the registers as far as the rows tell them. A
 * row's version is taken for its record's or, of a deleted row, its delete's; which record it had before the delete is not known.
 */
export function rewriteStatement(options: RewriteOptions): string {
  const { table, config, shape } = options;
  const stored = new Set(currentSchema(table).fields.map(({ name }) => name));
  const { namespace, name } = table.identifier;
  const whole = (one: string) => [options.catalog, namespace, one].map(quoted).join('.');
  const buckets = config.tables.buckets ?? bucketsFor(options);
  const value = (column: string) => (stored.has(column) ? quoted(column) : 'NULL');
  const deleted =
    shape.deleteColumn !== undefined && stored.has(shape.deleteColumn)
      ? `coalesce(CAST(${quoted(shape.deleteColumn)} AS STRING) IN (${(config.delete?.codes ?? []).map(literal).join(', ')}), false)`
      : 'false';
  const cast = (sql: string, type: PrimitiveType, column: string) =>
    `  CAST(${sql} AS ${sparkType(type)}) AS ${quoted(column)}`;
  const when = (condition: string, sql: string) =>
    sql === 'NULL' ? 'NULL' : `CASE WHEN ${condition} THEN ${sql} END`;
  const registers = (['record', 'deletion'] as const).flatMap((kind) => {
    const condition = kind === 'record' ? `NOT ${deleted}` : deleted;
    return [
      cast(when(condition, value(shape.version.name)), shape.version.icebergType, shape[kind].version),
      ...shape[kind].ties.map((tie, index) => {
        const source = shape.ties[index] ?? shape.version;
        return cast(when(condition, value(source.name)), source.icebergType, tie);
      }),
      cast('NULL', 'long', shape[kind].hash),
    ];
  });
  const { feed } = shape;
  const kept: Readonly<Record<string, string>> =
    feed === undefined
      ? {}
      : {
          [feedNames.recordDate]: value(feed.date.name),
          [feedNames.recordCode]: when(`NOT ${deleted}`, value(feed.code.name)),
          [feedNames.deleteCode]: when(deleted, value(feed.code.name)),
        };
  const feedColumns =
    feed === undefined
      ? []
      : [...feed.source, ...feed.register].map((column) =>
          cast(kept[column.name] ?? 'NULL', column.icebergType, column.name),
        );
  const columns = [
    ...shape.scalars.map((column) => cast(value(column.name), column.icebergType, column.name)),
    ...shape.histories.map(({ name: array, elementIcebergType }) => {
      const entries = stored.has(array) ? `get(${quoted(array)}, i)` : 'NULL';
      return `  transform(sequence(0, ${shape.historyLength - 1}), i -> CAST(${entries} AS ${sparkType(elementIcebergType)})) AS ${quoted(array)}`;
    }),
    ...shape.grids.map((grid) => cast(value(grid.name), 'string', grid.name)),
    ...registers,
    ...feedColumns,
    cast("'adopted'", 'string', changedRun),
  ];
  return [
    `CREATE TABLE ${whole(`${name}_adopted`)} USING iceberg`,
    `PARTITIONED BY (${quoted(shape.month.name)}, bucket(${buckets}, ${quoted(shape.key.name)}))`,
    `TBLPROPERTIES ('format-version' = '2', 'write.parquet.compression-codec' = 'zstd')`,
    `AS SELECT`,
    columns.join(',\n'),
    `FROM ${whole(name)}`,
  ].join('\n');
}

function bucketsFor({ config, rows, months }: RewriteOptions): number {
  const perMonth = rows / Math.max(1, months === 0 ? usualMonths : months);
  return Math.max(1, Math.ceil((perMonth * rowBytes(config)) / parseByteSize(config.tables.targetFileSize)));
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Spark reads a backslash in a text as the start of an escape. */
function literal(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function sparkType(type: PrimitiveType): string {
  switch (type) {
    case 'long':
      return 'BIGINT';
    case 'timestamp':
      return 'TIMESTAMP_NTZ';
    default:
      return type.toUpperCase();
  }
}
