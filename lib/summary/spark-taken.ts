import { IntegrityError } from '../errors.ts';
import type { DataFile } from '../iceberg/types.ts';
import { readSparkRows, type SparkRows, takeDataFile } from '../run/spark-rows.ts';
import type { SummaryContext } from './types.ts';
import { type Cell, type OutputTable, partitionOf } from './writing.ts';

interface TakeOptions {
  readonly context: SummaryContext;
  readonly table: OutputTable;
  readonly rows: SparkRows;
  /** The cell that a file has to lie in. */
  readonly cellOf: (described: DataFile) => Cell;
}

/**
 * The files of one of a unit's own tables, as data files of the real one.
 * @throws IntegrityError for a file of another cell
 */
export async function takeSparkFiles({
  context,
  table,
  rows,
  cellOf,
}: TakeOptions): Promise<readonly DataFile[]> {
  const files: DataFile[] = [];
  for (const described of await readSparkRows(context, rows)) {
    const partition = partitionOf(table.spec, cellOf(described));
    if (JSON.stringify(described.partition) !== JSON.stringify(partition))
      throw new IntegrityError(
        `Spark wrote rows for ${JSON.stringify(described.partition)}, which is not the unit's`,
        { safe: 'the tables are untouched' },
      );
    files.push(await takeDataFile({ context, table, described, partition }));
  }
  return files;
}
