/**
 * List prices in USD, without free tiers, discounts or tax. One table, one region, one date: to price another region or
 * day, change it here. AWS bills memory, disk, storage and logs by gigabytes of 2^30 bytes.
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
    'https://aws.amazon.com/eventbridge/pricing/',
    'https://aws.amazon.com/sqs/pricing/',
    'https://aws.amazon.com/xray/pricing/',
  ],
  /** Standard workflows; a child of a Distributed Map is an execution of its own. */
  stateTransition: 0.025 / 1_000,
  lambdaRequest: 0.2 / 1e6,
  /** arm64, the first 7.5 billion GB-seconds of a month; starts are billed too since August 2025. */
  lambdaGbSecond: 0.0000133334,
  /** Local disk above the 512 MB that come with a function, the same on both architectures. */
  lambdaDiskGbSecond: 0.0000000309,
  /** Also of each part, and of a listing. */
  s3Put: 0.005 / 1_000,
  s3Get: 0.0004 / 1_000,
  /** S3 Standard: by the month's bytes, cheapest last; a terabyte is 1,024 GB (first 50, next 450, above 500). */
  s3GbMonth: [
    { upToGb: 51_200, usd: 0.023 },
    { upToGb: 512_000, usd: 0.022 },
    { upToGb: Number.POSITIVE_INFINITY, usd: 0.021 },
  ],
  /** On demand, since the cut by half of November 2024. */
  dynamoWrite: 0.625 / 1e6,
  dynamoRead: 0.125 / 1e6,
  /** By the second, one minute at least (Glue 2.0 and later). */
  glueDpuHour: 0.44,
  /** CloudWatch Logs, the first 10 TB of a month. */
  logGb: 0.5,
  /** What S3 tells EventBridge, and our own events. */
  event: 1 / 1e6,
  queueRequest: 0.4 / 1e6,
  /** X-Ray; by default the first request of a second and one in twenty of the others are recorded. */
  trace: 5 / 1e6,
} as const;

/** Bytes of the gigabyte that is billed. */
export const billedGb = 2 ** 30;

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
