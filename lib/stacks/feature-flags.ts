/** Behaviour of aws-cdk-lib that the constructs rely on; cdk.json states the same for the command line. */
export const FEATURE_FLAGS: Readonly<Record<string, boolean>> = {
  '@aws-cdk/aws-stepfunctions:useDistributedMapResultWriterV2': true,
  // Without it access logs would need ACLs, which the buckets do not allow.
  '@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy': true,
};
