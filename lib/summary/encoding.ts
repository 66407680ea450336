import type { SummaryConfig } from '../config/schema.ts';
import type { ParquetEncoding } from '../engine/engine.ts';

/**
 * The summary's files are mostly arrays of numbers, which delta encodings pack smaller and faster. Iceberg's
 * vectorized Spark reader knows them only in part (https://github.com/apache/iceberg/issues/7162); its other reader,
 * which it takes for rows with arrays anyway, knows them all. So a table that may hold such files says in its own
 * properties that Spark is to use that one, and that property decides how a file is written: a table without it,
 * made by somebody else or before, gets plain files. See docs/decisions/0003.
 */
const vectorization = 'read.parquet.vectorization.enabled';

/** Properties of a summary table that is created for the pipeline. */
export function encodingProperties(config: SummaryConfig): Readonly<Record<string, string>> {
  return wantedEncoding(config) === 'delta' ? { [vectorization]: 'false' } : {};
}

/** How files of a table with these properties may be written. */
export function tableEncoding(properties: Readonly<Record<string, string>>): ParquetEncoding {
  return properties[vectorization] === 'false' ? 'delta' : 'plain';
}

/** Doubles would become BYTE_STREAM_SPLIT, which fewer readers know. */
function wantedEncoding({ tables, columns, derived }: SummaryConfig): ParquetEncoding {
  if (tables.encoding !== 'auto') return tables.encoding;
  return [...columns, ...derived].some((column) => column.type === 'double') ? 'plain' : 'delta';
}
