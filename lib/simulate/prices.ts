/**
 * List prices in USD, without free tiers, discounts or tax. One table, one region, one date: to price another region or
 * day, change it here.
 */
export const prices = {
  region: 'us-east-1',
  asOf: '2025-11',
  sources: [
    'https://aws.amazon.com/step-functions/pricing/',
    'https://aws.amazon.com/lambda/pricing/',
    'https://aws.amazon.com/s3/pricing/',
    'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    'https://aws.amazon.com/glue/pricing/',
    'https://aws.amazon.com/cloudwatch/pricing/',
  ],
  stateTransition: 0.025 / 1_000,
  lambdaRequest: 0.2 / 1e6,
  /** arm64, the first 7.5 billion GB-seconds of a month. */
  lambdaGbSecond: 0.0000133334,
  /** Local disk above the 512 MB that come with a function. */
  lambdaDiskGbSecond: 0.0000000309,
  s3Put: 0.005 / 1_000,
  s3Get: 0.0004 / 1_000,
  /** S3 Standard: by the month's bytes, cheapest last. */
  s3GbMonth: [
    { upToGb: 50_000, usd: 0.023 },
    { upToGb: 500_000, usd: 0.022 },
    { upToGb: Number.POSITIVE_INFINITY, usd: 0.021 },
  ],
  dynamoWrite: 0.625 / 1e6,
  dynamoRead: 0.125 / 1e6,
  glueDpuHour: 0.44,
  logGb: 0.5,
} as const;

/** Storage of one month, tier by tier. */
export function storageUsd(gigabytes: number): number {
  let left = gigabytes;
  let from = 0;
  let usd = 0;
  for (const tier of prices.s3GbMonth) {
    const some = Math.min(left, tier.upToGb - from);
    usd += some * tier.usd;
    left -= some;
    from = tier.upToGb;
  }
  return usd;
}
