import { UsageError } from '../../errors.ts';

/** @throws UsageError when one of the buckets that were asked for is none of the table's */
export function refuseFarBuckets(asked: readonly number[], count: number): void {
  const far = asked.find((bucket) => bucket >= count);
  if (far === undefined) return;
  const there = count === 1 ? 'there is one, bucket 0' : `there are ${count}, from 0 to ${count - 1}`;
  throw new UsageError(`there is no bucket ${far}: ${there}`, { safe: 'nothing was changed' });
}
