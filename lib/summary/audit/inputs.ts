import { layout } from '../../run/layout.ts';
import { checkpointsOf, prepareStage } from '../../run/units/checkpoints.ts';
import type { Prepared } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import type { SummaryContext } from '../types.ts';

export interface PreparedInputs {
  readonly records: readonly Location[];
  readonly deletions: readonly Location[];
  /** Prepared rows per bucket. */
  readonly rows: ReadonlyMap<number, number>;
}

/** What the run has prepared, from the checkpoints themselves. */
export async function preparedInputs(context: SummaryContext): Promise<PreparedInputs> {
  const rows = new Map<number, number>();
  const records = new Set<Location>();
  const deletions = new Set<Location>();
  for await (const { bucket, feed, location, count } of preparedByBucket(context)) {
    (feed === 'deletions' ? deletions : records).add(location);
    rows.set(bucket, (rows.get(bucket) ?? 0) + count);
  }
  return { records: [...records], deletions: [...deletions], rows };
}

interface PreparedRows {
  readonly bucket: number;
  readonly feed: string;
  readonly location: Location;
  readonly count: number;
}

/** Each prepared file once for each bucket that it holds rows of. */
export async function* preparedByBucket(context: SummaryContext): AsyncIterable<PreparedRows> {
  const stage = { name: prepareStage, items: layout.items(context.folder, prepareStage, 0) };
  for await (const { result } of checkpointsOf(context, stage)) {
    const { rowsLocation, item, cells } = result.outcome as Prepared;
    if (rowsLocation === undefined || rowsLocation === null) continue;
    const counts = new Map<number, number>();
    for (const [, bucket, count] of cells) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
    for (const [bucket, count] of counts) yield { bucket, feed: item.feed, location: rowsLocation, count };
  }
}
