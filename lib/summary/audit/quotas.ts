/** Buckets that the sample is drawn from at most: each costs a read of the key's months. */
const sampledBuckets = 64;

/** Keys to sample per bucket: all where the batch has no more rows than the sample, else spread over some buckets. */
export function sampleQuotas(
  rows: ReadonlyMap<number, number>,
  sampleSize: number,
): ReadonlyMap<number, number> {
  const total = [...rows.values()].reduce((sum, count) => sum + count, 0);
  if (total <= sampleSize) return rows;
  const buckets = [...rows.keys()].sort((a, b) => a - b);
  const every = Math.max(1, Math.ceil(buckets.length / sampledBuckets));
  const chosen = buckets.filter((_, index) => index % every === 0);
  const chosenRows = chosen.reduce((sum, bucket) => sum + (rows.get(bucket) ?? 0), 0);
  return new Map(
    chosen.map((bucket) => [
      bucket,
      Math.ceil((sampleSize * (rows.get(bucket) ?? 0)) / Math.max(1, chosenRows)),
    ]),
  );
}
