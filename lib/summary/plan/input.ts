import type { Prepared } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';

/** What the prepared objects hold, per bucket. */
export interface BucketInput {
  /** Prepared rows of the records, and of the deletions feed. */
  readonly sources: Location[];
  readonly feed: Location[];
  /** [rows, deletes] by month number. */
  readonly months: Map<number, [rows: number, deletes: number]>;
}

/** Reads the counts of all prepared objects; keeps cells, never rows. */
export async function bucketInputs(
  prepared: AsyncIterable<Prepared>,
): Promise<ReadonlyMap<number, BucketInput>> {
  const inputs = new Map<number, BucketInput>();
  for await (const object of prepared) {
    if (object.rowsLocation === undefined) continue;
    for (const [month, bucket, rows, deletes] of object.cells) {
      const input: BucketInput = inputs.get(bucket) ?? { sources: [], feed: [], months: new Map() };
      inputs.set(bucket, input);
      const files = object.item.feed === 'deletions' ? input.feed : input.sources;
      if (files.at(-1) !== object.rowsLocation) files.push(object.rowsLocation);
      const counts = input.months.get(month) ?? [0, 0];
      input.months.set(month, [counts[0] + rows, counts[1] + deletes]);
    }
  }
  for (const input of inputs.values()) {
    input.sources.sort();
    input.feed.sort();
  }
  return new Map([...inputs].sort(([a], [b]) => a - b));
}
