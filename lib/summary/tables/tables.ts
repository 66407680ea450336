import type { SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import type { Field, IcebergType, PartitionField } from '../../iceberg/types.ts';
import type { TargetTable } from '../../run/publish/table-change.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location, TableIdentifier } from '../../stores/ports.ts';
import { encodingProperties } from '../../upkeep/encoding.ts';
import {
  changedRun,
  newestMonth,
  registerTypes,
  type ScalarColumn,
  type SummaryShape,
  scalar,
  summaryShape,
  tombstoneCode,
} from './columns.ts';
import { wantedEncoding } from './encoding.ts';

export type Role = 'summary' | 'latest' | 'tombstones';

export const roles: readonly Role[] = ['summary', 'latest', 'tombstones'];

export function tableIdentifier(config: SummaryConfig, role: Role): TableIdentifier {
  const name = config.tables[role] ?? `${config.pipeline.replaceAll('-', '_')}_${role}`;
  return { namespace: config.tables.namespace, name };
}

/** Table property that holds H: another H is another table. */
export const historyLengthProperty = 'partwise.history-length';
/** Table property that names the date column whose own values the tables keep for the deletions feed. */
export const overridesProperty = 'partwise.deletions-overrides';

/** The three tables of a pipeline as they are created. `config.tables.buckets` must be set. */
export function targetTables(config: SummaryConfig, warehouseRoot: Location): readonly TargetTable[] {
  const shape = summaryShape(config);
  const buckets = config.tables.buckets ?? 1;
  const table = (role: Role, columns: readonly TableColumn[], byMonth: boolean): TargetTable => {
    const fields = withIds(columns);
    const identifier = tableIdentifier(config, role);
    return {
      role,
      identifier,
      location: joinLocation(warehouseRoot, identifier.namespace, identifier.name),
      fields,
      partitionFields: partitionFields(shape, fields, buckets, byMonth),
      properties: {
        [historyLengthProperty]: String(shape.historyLength),
        ...(shape.feed === undefined ? {} : { [overridesProperty]: shape.feed.date.name }),
        'write.format.default': 'parquet',
        'write.parquet.compression-codec': 'zstd',
        'write.delete.mode': 'merge-on-read',
        'write.update.mode': 'merge-on-read',
        'write.merge.mode': 'merge-on-read',
        'write.target-file-size-bytes': String(parseByteSize(config.tables.targetFileSize)),
        ...(role === 'summary' ? encodingProperties(wantedEncoding(config)) : {}),
      },
    };
  };
  return [
    table('summary', summaryColumns(shape), true),
    table('latest', latestColumns(shape), false),
    table('tombstones', tombstoneColumns(shape).map(plain), false),
  ];
}

interface TableColumn {
  readonly name: string;
  readonly type: IcebergType;
  readonly required: boolean;
}

/** Columns of the summary with types whose ids are still 0. */
function summaryColumns(shape: SummaryShape): readonly TableColumn[] {
  return [
    ...shape.scalars.map((column) => ({
      ...plain(column),
      required: column.name === shape.key.name || column.name === shape.month.name,
    })),
    ...shape.histories.map(({ name, elementIcebergType }) => ({
      name,
      required: false,
      type: { type: 'list', elementId: 0, element: elementIcebergType, elementRequired: false } as const,
    })),
    ...shape.grids.map(({ name }) => ({ name, type: 'string' as const, required: false })),
    ...shape.system.map(plain),
  ];
}

function latestColumns(shape: SummaryShape): readonly TableColumn[] {
  return [...summaryColumns(shape), { name: newestMonth, type: 'string', required: false }];
}

/** Columns of the tombstones, also as the work selects them. */
export function tombstoneColumns(shape: SummaryShape): readonly ScalarColumn[] {
  return [
    shape.key,
    shape.month,
    scalar(tombstoneCode, 'string'),
    ...registerTypes(shape.deletion, shape.version, shape.ties),
    ...(shape.feed?.register ?? []),
    scalar(changedRun, 'string'),
  ];
}

function plain(column: ScalarColumn): TableColumn {
  return { name: column.name, type: column.icebergType, required: false };
}

/** Top-level fields first, list elements after them, as Iceberg numbers a new schema. */
function withIds(columns: readonly TableColumn[]): readonly Field[] {
  let next = columns.length + 1;
  return columns.map(({ name, type, required }, index) => ({
    id: index + 1,
    name,
    required,
    type: typeof type === 'object' && type.type === 'list' ? { ...type, elementId: next++ } : type,
  }));
}

/** identity(month) where the table has it, then bucket[N](key), named `<key>_bucket`. */
function partitionFields(
  shape: SummaryShape,
  fields: readonly Field[],
  buckets: number,
  byMonth: boolean,
): readonly PartitionField[] {
  const id = (name: string) => fields.find((field) => field.name === name)?.id ?? 0;
  const bucket = {
    sourceId: id(shape.key.name),
    name: `${shape.key.name}_bucket`,
    transform: `bucket[${buckets}]`,
  };
  const month = { sourceId: id(shape.month.name), name: shape.month.name, transform: 'identity' };
  return (byMonth ? [month, bucket] : [bucket]).map((field, index) => ({ ...field, fieldId: 1000 + index }));
}
