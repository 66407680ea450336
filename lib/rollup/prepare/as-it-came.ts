import { asksForSpark } from '../../config/spark.ts';
import { sqlType } from '../../config/types.ts';
import type { OpenedItem } from '../../run/sources/item.ts';
import type { ColumnMatch } from '../../run/sources/typed-rows.ts';
import type { PointColumn } from '../sql/points.ts';
import type { RollupContext } from '../types.ts';

interface AsItCameOptions {
  readonly opened: Pick<OpenedItem, 'source' | 'rejects'>;
  readonly columns: readonly PointColumn[];
  readonly match: ColumnMatch;
}

/** Every unit reads files that are kept as they came from end to end, so a batch may have only so much of them. */
const mostBytes = 500e6;
const mostObjects = 16;

/** Whether the file is Parquet with columns of the very types that points have, and the batch small enough. */
export async function fitsAsItCame(
  context: RollupContext,
  { opened: { source, rejects }, columns, match }: AsItCameOptions,
): Promise<boolean> {
  // Spark reads points by their part, and names of columns are kept as SQL for DuckDB.
  if (asksForSpark(context.config)) return false;
  const types = new Map(source.columns.map(({ name, type }) => [name, type]));
  const fits = columns.every(({ type, name, unit = 'ms' }, at) => {
    const found = types.get(match.from[at] ?? '');
    return found === sqlType(type) && unit === 'ms' && !(name === 'ts' && type === 'timestamp');
  });
  return fits && rejects.count === 0 && (await isSmallBatch(context));
}

async function isSmallBatch({ world, config, runId }: RollupContext): Promise<boolean> {
  let objects = 0;
  let bytes = 0;
  for await (const item of world.state.intake.list(config.pipeline, { runId })) {
    objects += 1;
    bytes += item.sizeBytes;
    if (objects > mostObjects || bytes > mostBytes) return false;
  }
  return true;
}
