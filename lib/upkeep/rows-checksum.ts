import { identifier } from '../engine/sql.ts';

/**
 * SQL expression over a set of rows that does not depend on their order: the sum of one 64-bit hash per row, as text.
 * Unlike an XOR it sees a row that is there twice. Two sets with equal count and checksum hold the same rows, but for
 * chance. NULL and an empty list, a list of NULLs and NULL are told apart.
 * @param where SQL condition; rows for which it is not true are left out
 */
export function rowsChecksum(columns: readonly string[], where?: string): string {
  if (columns.length === 0) return `'0'`;
  const filter = where === undefined ? '' : ` FILTER (${where})`;
  return `coalesce(sum(hash(${columns.map(identifier).join(', ')})::HUGEINT)${filter}, 0::HUGEINT)::VARCHAR`;
}
