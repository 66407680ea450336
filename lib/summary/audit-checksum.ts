import { identifier } from '../engine/sql.ts';

/**
 * SQL expression over a set of rows that does not depend on their order: the sum of one 64-bit hash per row. Unlike an
 * XOR it sees a row that is there twice. Two sets with equal count and checksum hold the same rows, but for chance.
 */
export function rowsChecksum(columns: readonly string[]): string {
  if (columns.length === 0) return '0::HUGEINT';
  return `coalesce(sum(hash(${columns.map(identifier).join(', ')})::HUGEINT), 0::HUGEINT)`;
}
