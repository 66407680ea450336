import type { ParquetEncoding } from '../engine/engine.ts';

/**
 * Delta encodings pack numbers smaller and faster. Iceberg's vectorized Spark reader knows them only in part
 * (https://github.com/apache/iceberg/issues/7162); its other reader, which it takes for rows with arrays anyway, knows
 * them all. So a table that may hold such files says in its own properties that Spark is to use that one, and that
 * property decides how a file is written: a table without it, made by somebody else or before, gets plain files. See
 * docs/decisions/0003.
 */
const vectorization = 'read.parquet.vectorization.enabled';

/** Properties of a table that is created for files of this encoding. */
export function encodingProperties(encoding: ParquetEncoding): Readonly<Record<string, string>> {
  return encoding === 'delta' ? { [vectorization]: 'false' } : {};
}

/** How files of a table with these properties may be written. */
export function tableEncoding(properties: Readonly<Record<string, string>>): ParquetEncoding {
  return properties[vectorization] === 'false' ? 'delta' : 'plain';
}
