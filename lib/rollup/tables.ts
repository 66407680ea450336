import { rollupTable } from '../config/feeds.ts';
import type { RollupConfig } from '../config/schema.ts';
import { parseByteSize } from '../config/sizes.ts';
import type { IcebergType } from '../iceberg/types.ts';
import type { TargetTable } from '../run/table-change.ts';
import { joinLocation } from '../stores/location.ts';
import type { Location, TableIdentifier } from '../stores/ports.ts';
import { rollupShape } from './columns.ts';
import type { RollupRules } from './rules.ts';

/** Role of the one table. */
export const rollups = 'rollups';

export function tableIdentifier(config: RollupConfig): TableIdentifier {
  return { namespace: config.tables.namespace, name: rollupTable(config) };
}

/** Table property that holds the resolutions in milliseconds: others mean another table. */
export const resolutionsProperty = 'partwise.resolutions-ms';

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
  ];
  const fields = columns.map(([name, type, required = false], index) => ({
    id: index + 1,
    name,
    type,
    required,
  }));
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
      'write.format.default': 'parquet',
      'write.parquet.compression-codec': 'zstd',
      'write.target-file-size-bytes': String(parseByteSize(config.tables.targetFileSize)),
    },
  };
}
