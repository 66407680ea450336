import { Duration, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
  InventoryFormat,
  InventoryFrequency,
  InventoryObjectVersion,
  type LifecycleRule,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { dataRemovalPolicy } from './removal.ts';

export interface DataBucketProps {
  /** undefined: keys that S3 manages. */
  readonly encryptionKey: IKey | undefined;
  readonly accessLogs: IBucket;
  /** Days that replaced and deleted objects are kept. */
  readonly keepReplacedDays: number;
  /** Days after which an upload that was never completed goes; no shorter than runs can be resumed. */
  readonly abortUploadsDays: number;
  readonly lifecycle?: readonly LifecycleRule[];
  /** Whether arrivals are told to EventBridge. */
  readonly events?: boolean;
  /** Where a list of the bucket's objects is delivered once a day, for events that never came. */
  readonly inventories?: IBucket;
}

/**
 * A bucket that holds data: nobody outside the account, TLS only, encrypted, versioned (so that an overwritten or
 * deleted object can be had back for some days), access logged. It outlives its stack.
 */
export class DataBucket extends Construct {
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, props: DataBucketProps) {
    super(scope, id);
    const { stackName } = Stack.of(this);
    const { encryptionKey } = props;
    const bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      ...(encryptionKey === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
      versioned: true,
      serverAccessLogsBucket: props.accessLogs,
      serverAccessLogsPrefix: `${id.toLowerCase()}/`,
      lifecycleRules: [
        {
          id: 'uploads-and-replaced',
          abortIncompleteMultipartUploadAfter: Duration.days(props.abortUploadsDays),
          noncurrentVersionExpiration: Duration.days(props.keepReplacedDays),
        },
        // Delete markers must be alone in their rule.
        { id: 'delete-markers', expiredObjectDeleteMarker: true },
        ...(props.lifecycle ?? []),
      ],
      inventories:
        props.inventories === undefined
          ? []
          : [
              {
                inventoryId: 'arrivals',
                destination: { bucket: props.inventories },
                format: InventoryFormat.CSV,
                frequency: InventoryFrequency.DAILY,
                includeObjectVersions: InventoryObjectVersion.CURRENT,
                optionalFields: ['Size', 'LastModifiedDate', 'ETag'],
              },
            ],
      removalPolicy: dataRemovalPolicy(this.node, stackName),
    });
    // By property: the L2's way adds a function with rights of its own to the stack.
    if (props.events === true) {
      (bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
        eventBridgeConfiguration: { eventBridgeEnabled: true },
      };
    }
    this.bucket = bucket as IBucket;
  }
}

/** Bucket of the other buckets' access logs. */
export function accessLogsBucket(scope: Construct): IBucket {
  const { stackName } = Stack.of(scope);
  return new Bucket(scope, 'AccessLogs', {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: BucketEncryption.S3_MANAGED,
    lifecycleRules: [
      {
        id: 'age',
        transitions: [{ storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: Duration.days(30) }],
        expiration: Duration.days(365),
        abortIncompleteMultipartUploadAfter: Duration.days(7),
      },
    ],
    removalPolicy: dataRemovalPolicy(scope.node, stackName),
  }) as IBucket;
}
