import { UnsupportedFeatureError } from '../errors.ts';
import { murmur3, murmur3Long, murmur3Text } from './murmur.ts';
import { decimalOf } from './schema.ts';
import type { IcebergType, PartitionSpec, PartitionValue, PrimitiveType } from './types.ts';
import { decimalToBytes, hexToBytes } from './values.ts';

/** Partition transforms, https://iceberg.apache.org/spec/#partition-transforms. */

/** N of `bucket[N]`, undefined for another transform. */
export function bucketCount(transform: string): number | undefined {
  const found = /^bucket\[(\d+)\]$/.exec(transform);
  return found === null ? undefined : Number(found[1]);
}

/** The position of a spec's bucket field and its N; undefined for a spec without one. */
export function bucketField(
  spec: Pick<PartitionSpec, 'fields'>,
): { readonly index: number; readonly count: number } | undefined {
  for (const [index, { transform }] of spec.fields.entries()) {
    const count = bucketCount(transform);
    if (count !== undefined) return { index, count };
  }
  return undefined;
}

/** Type of a partition field's values. @throws UnsupportedFeatureError for an unknown transform */
export function transformResultType(transform: string, source: IcebergType): PrimitiveType {
  if (bucketCount(transform) !== undefined) return 'int';
  if (typeof source !== 'string')
    throw new UnsupportedFeatureError(`${transform} of a ${source.type} column`);
  if (transform === 'identity' || transform === 'void' || transform.startsWith('truncate[')) return source;
  if (transform === 'day') return 'date';
  if (transform === 'year' || transform === 'month' || transform === 'hour') return 'int';
  throw new UnsupportedFeatureError(`partition transform ${transform} is not supported`, {
    details: { transform },
  });
}

/**
 * bucket(n) of appendix B; null for null. date as days, time and timestamps as microseconds, decimal as unscaled bigint.
 * @example bucketOf(16, 'string', 'iceberg') // 1210000089 & 0x7fffffff % 16
 */
export function bucketOf(n: number, type: PrimitiveType, value: PartitionValue | undefined): number | null {
  if (value === null || value === undefined) return null;
  return (hashOf(type, value) & 0x7fffffff) % n;
}

function hashOf(type: PrimitiveType, value: Exclude<PartitionValue, null>): number {
  switch (type) {
    case 'string':
      return murmur3Text(String(value));
    case 'int':
    case 'long':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      if (typeof value === 'string' || typeof value === 'boolean') break;
      return murmur3Long(value);
    case 'binary':
      return murmur3(hexToBytes(String(value)));
    case 'boolean':
    case 'float':
    case 'double':
      break;
    default:
      if (decimalOf(type) === undefined) return murmur3(hexToBytes(String(value)));
      if (typeof value === 'bigint' || typeof value === 'number')
        return murmur3(decimalToBytes(BigInt(value)));
  }
  throw new UnsupportedFeatureError(`bucket of a ${typeof value} for type ${type}`, { details: { type } });
}
