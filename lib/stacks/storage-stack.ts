import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, BillingMode, type ITable, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { CfnDatabase } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { type IBucket, StorageClass } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { accessLogsBucket, DataBucket } from './data-bucket.ts';
import { dataRemovalPolicy, mayRemoveData } from './removal.ts';

export interface StorageStackProps extends StackProps {
  /** Longest `resumeHorizon` of the pipelines, in days: nothing that a resume needs goes earlier. */
  readonly resumeHorizonDays: number;
  /** A key of the account's own for buckets and table, rotated; otherwise keys that AWS manages. */
  readonly customerKey: boolean;
  /** Namespaces of the pipelines' tables: databases of the Glue Data Catalog. Their tables are made by runs only. */
  readonly namespaces: readonly string[];
}

/** What every pipeline of the account shares, and what outlives them. */
export interface Storage {
  readonly staging: IBucket;
  /** Lists of the staging bucket's objects, delivered by S3. */
  readonly inventories: IBucket;
  readonly warehouse: IBucket;
  readonly results: IBucket;
  readonly state: ITable;
  readonly encryptionKey: IKey | undefined;
}

/** Keys of the one state table; its access patterns are documented beside the adapter. */
export const stateKeys = { partition: 'pk', sort: 'sk', expires: 'expiresAt' } as const;

/** Days that run artefacts (plans, checkpoints, quarantine, reports) are kept at least. */
const artefactDays = 400;

/**
 * Buckets and state. Removing the stack removes none of them unless both switches of `removal.ts` say so; until then
 * the stack also refuses to be deleted.
 */
export class StorageStack extends Stack {
  readonly storage: Storage;

  constructor(scope: Construct, id: string, props: StorageStackProps) {
    const terminationProtection = !mayRemoveData(scope.node, props.stackName ?? id);
    super(scope, id, { terminationProtection, ...props });
    const removalPolicy = dataRemovalPolicy(this.node, this.stackName);
    const encryptionKey: IKey | undefined = props.customerKey
      ? new Key(this, 'Key', {
          alias: `alias/${this.stackName.toLowerCase()}`,
          description: 'Partwise: buckets and state',
          enableKeyRotation: true,
          removalPolicy,
        })
      : undefined;
    // S3 writes the inventories itself.
    encryptionKey?.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['kms:GenerateDataKey'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    const accessLogs = accessLogsBucket(this);
    const horizon = Math.max(7, Math.ceil(props.resumeHorizonDays));
    const common = { encryptionKey, accessLogs, abortUploadsDays: horizon };
    const inventories = new DataBucket(this, 'Inventories', {
      ...common,
      keepReplacedDays: 7,
      events: true,
      lifecycle: [{ id: 'age', expiration: Duration.days(horizon) }],
    }).bucket;
    // A run reads the version that it claimed, so a replaced one must live as long as the run can be resumed.
    const staging = new DataBucket(this, 'Staging', {
      ...common,
      keepReplacedDays: horizon,
      events: true,
      inventories,
    }).bucket;
    const warehouse = new DataBucket(this, 'Warehouse', { ...common, keepReplacedDays: 7 }).bucket;
    const results = new DataBucket(this, 'Results', {
      ...common,
      keepReplacedDays: 7,
      lifecycle: [
        { id: 'map-runs', prefix: 'map-runs/', expiration: Duration.days(horizon) },
        {
          id: 'run-artefacts',
          prefix: 'runs/',
          transitions: [
            { storageClass: StorageClass.INTELLIGENT_TIERING, transitionAfter: Duration.days(horizon) },
          ],
          expiration: Duration.days(Math.max(artefactDays, horizon)),
        },
      ],
    }).bucket;
    const state = new Table(this, 'State', {
      partitionKey: { name: stateKeys.partition, type: AttributeType.STRING },
      sortKey: { name: stateKeys.sort, type: AttributeType.STRING },
      timeToLiveAttribute: stateKeys.expires,
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: terminationProtection,
      ...(encryptionKey === undefined
        ? { encryption: TableEncryption.AWS_MANAGED }
        : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
      removalPolicy,
    }) as ITable;
    // Deleting a database would delete its tables.
    for (const name of new Set(props.namespaces)) {
      new CfnDatabase(this, `Database-${name}`, {
        catalogId: this.account,
        databaseInput: { name, locationUri: warehouse.s3UrlForObject(name) },
      }).applyRemovalPolicy(removalPolicy);
    }
    this.storage = { staging, inventories, warehouse, results, state, encryptionKey };
    for (const [name, value] of Object.entries({
      StagingBucket: staging.bucketName,
      WarehouseBucket: warehouse.bucketName,
      ResultsBucket: results.bucketName,
      StateTable: state.tableName,
    }))
      new CfnOutput(this, name, { value });
  }
}
