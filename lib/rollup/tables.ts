import { rollupTable } from '../config/feeds.ts';
import { sketchColumns } from '../config/quantiles.ts';
import type { RollupConfig } from '../config/schema.ts';
import { parseByteSize } from '../config/sizes.ts';
import type { Field, IcebergType } from '../iceberg/types.ts';
import type { TargetTable } from '../run/publish/table-change.ts';
import { joinLocation } from '../stores/location.ts';
import type { Location, TableIdentifier } from '../stores/ports.ts';
import { rollupShape } from './columns.ts';
import type { RollupRules } from './rules.ts';
import { quantilesText } from './sketch/sketch.ts';

/** Role of the one table. */
export const rollups = 'rollups';

export function tableIdentifier(config: RollupConfig): TableIdentifier {
  return { namespace: config.tables.namespace, name: rollupTable(config) };
}

/** Table property that holds the resolutions in milliseconds: others mean another table. */
export const resolutionsProperty = 'partwise.resolutions-ms';

/** Table property that says which quantiles the rows have, and within what: others mean another table. None: no property. */
export const quantilesProperty = 'partwise.quantiles';

const number38: IcebergType = 'decimal(38,0)';

/** All resolutions in one table: identity(resolution), identity(window_bucket), sorted by shard, series and window. */
export function targetTable(config: RollupConfig, rules: RollupRules, warehouseRoot: Location): TargetTable {
  const shape = rollupShape(config);
  const identifier = tableIdentifier(config);
  const columns: readonly (readonly [string, IcebergType, required?: boolean])[] = [
    ['resolution', 'long', true],
    ['window_bucket', 'date', true],
    [shape.shard.name, shape.shard.icebergType],
    [shape.series.name, shape.series.icebergType, true],
    ['window_ts', 'timestamp', true],
    ...shape.labels.slice(1).map(({ name, icebergType }) => [name, icebergType] as const),
    ['count', 'long'],
    ['sum', number38],
    ['min', 'long'],
    ['max', 'long'],
    ['first_ts', 'timestamp'],
    ['first_value', 'long'],
    ['last_ts', 'timestamp'],
    ['last_value', 'long'],
    ['increase', number38],
    ['resets', 'long'],
    ...(shape.sketch?.quantiles ?? []).map(({ column }) => [column, 'double'] as const),
  ];
  const fields = withSketch(
    columns.map(([name, type, required = false], index) => ({ id: index + 1, name, type, required })),
    shape.sketch !== undefined,
  );
  return {
    role: rollups,
    identifier,
    location: joinLocation(warehouseRoot, identifier.namespace, identifier.name),
    fields,
    partitionFields: [
      { sourceId: 1, fieldId: 1000, name: 'resolution', transform: 'identity' },
      { sourceId: 2, fieldId: 1001, name: 'window_bucket', transform: 'identity' },
    ],
    sortOrder: fields.slice(2, 5).map(({ id }) => ({
      sourceId: id,
      transform: 'identity',
      direction: 'asc',
      nullOrder: 'nulls-last',
    })),
    properties: {
      [resolutionsProperty]: rules.resolutionsMs.join(','),
      ...(shape.sketch === undefined ? {} : { [quantilesProperty]: quantilesText(config) }),
      'write.format.default': 'parquet',
      'write.parquet.compression-codec': 'zstd',
      'write.target-file-size-bytes': String(parseByteSize(config.tables.targetFileSize)),
    },
  };
}

/** List elements are numbered after all columns, as Iceberg numbers a new schema. */
function withSketch(fields: readonly Field[], isSketched: boolean): readonly Field[] {
  if (!isSketched) return fields;
  const last = fields.length;
  const list = (id: number, elementId: number, element: IcebergType) =>
    ({ id, type: { type: 'list', elementId, element, elementRequired: false }, required: false }) as const;
  return [
    ...fields,
    { ...list(last + 1, last + 3, 'int'), name: sketchColumns.buckets },
    { ...list(last + 2, last + 4, 'long'), name: sketchColumns.counts },
  ];
}
