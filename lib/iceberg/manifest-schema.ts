import { decimalOf, fixedLengthOf } from './schema.ts';
import type { PartitionSpec, PrimitiveType } from './types.ts';

/** Avro schemas of manifests and manifest lists with Iceberg's field ids, https://iceberg.apache.org/spec/#manifests. */

type AvroSchema = unknown;

function required(name: string, id: number, type: AvroSchema): AvroSchema {
  return { name, type, 'field-id': id };
}

function optional(name: string, id: number, type: AvroSchema): AvroSchema {
  return { name, type: ['null', type], default: null, 'field-id': id };
}

function intMap(key: number, value: number, type: string): AvroSchema {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${key}_v${value}`,
      fields: [required('key', key, 'int'), required('value', value, type)],
    },
  };
}

/** Letters, digits and underscores only; what else a name holds is spelt in hex, as Iceberg's own writers do. */
function avroName(name: string): string {
  const spelt = [...name]
    .map((char) =>
      /[A-Za-z0-9_]/.test(char) ? char : `_x${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}`,
    )
    .join('');
  return /^[0-9]/.test(spelt) ? `_${spelt}` : spelt;
}

/** Bytes that an unscaled decimal of this precision needs at most. */
export function decimalBytes(precision: number): number {
  let bytes = 1;
  while (10n ** BigInt(precision) - 1n > 2n ** BigInt(8 * bytes - 1) - 1n) bytes += 1;
  return bytes;
}

function partitionAvroType(type: PrimitiveType): AvroSchema {
  switch (type) {
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'time':
      return { type: 'long', logicalType: 'time-micros' };
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false };
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true };
    case 'binary':
      return 'bytes';
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return type;
    default: {
      const decimal = decimalOf(type);
      if (decimal === undefined)
        return { type: 'fixed', name: `fixed_${fixedLengthOf(type)}`, size: fixedLengthOf(type) };
      const { precision, scale } = decimal;
      return {
        type: 'fixed',
        name: `decimal_${precision}_${scale}`,
        size: decimalBytes(precision),
        logicalType: 'decimal',
        precision,
        scale,
      };
    }
  }
}

export function manifestEntrySchema(spec: PartitionSpec, types: readonly PrimitiveType[]): AvroSchema {
  const partition = {
    type: 'record',
    name: 'r102',
    fields: spec.fields.map((field, index) => {
      const name = avroName(field.name);
      const avro = optional(name, field.fieldId, partitionAvroType(types[index] ?? 'string')) as Record<
        string,
        unknown
      >;
      return name === field.name ? avro : { ...avro, 'iceberg-field-name': field.name };
    }),
  };
  const dataFile = {
    type: 'record',
    name: 'r2',
    fields: [
      required('content', 134, 'int'),
      required('file_path', 100, 'string'),
      required('file_format', 101, 'string'),
      required('partition', 102, partition),
      required('record_count', 103, 'long'),
      required('file_size_in_bytes', 104, 'long'),
      optional('column_sizes', 108, intMap(117, 118, 'long')),
      optional('value_counts', 109, intMap(119, 120, 'long')),
      optional('null_value_counts', 110, intMap(121, 122, 'long')),
      optional('nan_value_counts', 137, intMap(138, 139, 'long')),
      optional('lower_bounds', 125, intMap(126, 127, 'bytes')),
      optional('upper_bounds', 128, intMap(129, 130, 'bytes')),
      optional('key_metadata', 131, 'bytes'),
      optional('split_offsets', 132, { type: 'array', items: 'long', 'element-id': 133 }),
      optional('equality_ids', 135, { type: 'array', items: 'int', 'element-id': 136 }),
      optional('sort_order_id', 140, 'int'),
      optional('referenced_data_file', 143, 'string'),
    ],
  };
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 0, 'int'),
      optional('snapshot_id', 1, 'long'),
      optional('sequence_number', 3, 'long'),
      optional('file_sequence_number', 4, 'long'),
      required('data_file', 2, dataFile),
    ],
  };
}

export const manifestListSchema: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required('manifest_path', 500, 'string'),
    required('manifest_length', 501, 'long'),
    required('partition_spec_id', 502, 'int'),
    required('content', 517, 'int'),
    required('sequence_number', 515, 'long'),
    required('min_sequence_number', 516, 'long'),
    required('added_snapshot_id', 503, 'long'),
    required('added_files_count', 504, 'int'),
    required('existing_files_count', 505, 'int'),
    required('deleted_files_count', 506, 'int'),
    required('added_rows_count', 512, 'long'),
    required('existing_rows_count', 513, 'long'),
    required('deleted_rows_count', 514, 'long'),
    optional('partitions', 507, {
      type: 'array',
      'element-id': 508,
      items: {
        type: 'record',
        name: 'r508',
        fields: [
          required('contains_null', 509, 'boolean'),
          optional('contains_nan', 518, 'boolean'),
          optional('lower_bound', 510, 'bytes'),
          optional('upper_bound', 511, 'bytes'),
        ],
      },
    }),
    optional('key_metadata', 519, 'bytes'),
  ],
};
