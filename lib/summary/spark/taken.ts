import { IntegrityError } from '../../errors.ts';
import type { DataFile } from '../../iceberg/types.ts';
import { readSparkRows, type SparkRows, takeDataFile } from '../../run/spark/rows.ts';
import { type Cell, cellOf, type OutputTable } from '../files/writing.ts';
import type { SummaryContext } from '../types.ts';

interface TakeOptions {
  readonly context: SummaryContext;
  /** The real table. */
  readonly table: OutputTable;
  readonly rows: SparkRows;
  /** Whether the unit writes this cell. */
  readonly isOwn: (cell: Cell) => boolean;
  /** Where a file of another cell can come from, other than from Spark; and what to type then. */
  readonly otherwise?: { readonly why: string; readonly next: string };
}

/**
 * The files of one of a unit's own tables, as data files of the real one.
 * @throws IntegrityError for a file of a cell that the unit does not write, or whose footer is not what the table asks for
 */
export async function takeSparkFiles(options: TakeOptions): Promise<readonly DataFile[]> {
  const { context, table, rows, isOwn, otherwise } = options;
  const files: DataFile[] = [];
  // An order is of the unit's own table: the real one has none.
  for (const { sortOrderId: _, ...described } of await readSparkRows(context, rows)) {
    const { partition } = described;
    if (!isOwn(cellOf(table.spec, partition)))
      throw new IntegrityError(
        `Spark wrote rows for ${JSON.stringify(partition)}, which is not the unit's${otherwise === undefined ? '' : `; ${otherwise.why}`}`,
        {
          safe: 'the tables are untouched',
          ...(otherwise === undefined ? {} : { next: otherwise.next }),
        },
      );
    files.push(await takeDataFile({ context, table, described, partition }));
  }
  return files;
}
