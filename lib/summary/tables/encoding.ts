import type { SummaryConfig } from '../../config/schema.ts';
import type { ParquetEncoding } from '../../engine/engine.ts';

/**
 * The summary's files are mostly arrays of numbers. Doubles would become BYTE_STREAM_SPLIT, which fewer readers know.
 */
export function wantedEncoding({ tables, columns, derived }: SummaryConfig): ParquetEncoding {
  if (tables.encoding !== 'auto') return tables.encoding;
  return [...columns, ...derived].some((column) => column.type === 'double') ? 'plain' : 'delta';
}
