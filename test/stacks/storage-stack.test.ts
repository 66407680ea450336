import { Match, Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import { removalSwitches } from '../../lib/stacks/removal.ts';
import { StorageStack, stateKeys } from '../../lib/stacks/storage-stack.ts';
import { nagFindings, testApp } from './nag.ts';

const props = { resumeHorizonDays: 30, customerKey: false, namespaces: ['risk', 'partwise', 'risk'] };
const templateOf = (context: Readonly<Record<string, unknown>> = {}, customerKey = false) =>
  Template.fromStack(new StorageStack(testApp(context), 'Storage', { ...props, customerKey }));
const template = templateOf();
const buckets = (from: Template) => Object.entries(from.findResources('AWS::S3::Bucket'));
const dataBuckets = buckets(template).filter(([id]) => !id.startsWith('AccessLogs'));

describe('the storage stack', () => {
  it('has buckets for staging, its inventories, warehouse, results and access logs, all closed and encrypted', () => {
    expect(dataBuckets.map(([id]) => id.replace(/Bucket[0-9A-F]+$/, '')).sort()).toEqual([
      'Inventories',
      'Results',
      'Staging',
      'Warehouse',
    ]);
    for (const [, bucket] of buckets(template)) {
      expect(bucket['Properties'].PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(bucket['Properties'].BucketEncryption).toBeDefined();
    }
  });

  it('refuses requests without TLS to every bucket', () => {
    const policies = Object.values(template.findResources('AWS::S3::BucketPolicy'));
    expect(policies).toHaveLength(buckets(template).length);
    for (const policy of policies) {
      expect(policy['Properties'].PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      );
    }
  });

  it('keeps replaced source versions and unfinished uploads as long as a run can be resumed', () => {
    const long = Template.fromStack(
      new StorageStack(testApp(), 'Storage', { ...props, resumeHorizonDays: 90 }),
    );
    for (const [id, bucket] of buckets(long)) {
      if (id.startsWith('AccessLogs')) continue;
      const rule = bucket['Properties'].LifecycleConfiguration.Rules.find(
        (one: { Id: string }) => one.Id === 'uploads-and-replaced',
      );
      expect(rule.AbortIncompleteMultipartUpload.DaysAfterInitiation).toBe(90);
      if (id.startsWith('Staging')) expect(rule.NoncurrentVersionExpiration.NoncurrentDays).toBe(90);
    }
  });

  it('never expires a table, a source file or what a resume needs', () => {
    for (const [id, bucket] of dataBuckets) {
      expect(bucket['Properties'].VersioningConfiguration).toEqual({ Status: 'Enabled' });
      const expiring = bucket['Properties'].LifecycleConfiguration.Rules.filter(
        (rule: { ExpirationInDays?: number }) => rule.ExpirationInDays !== undefined,
      ).map((rule: { Prefix: string; ExpirationInDays: number }) => [rule.Prefix, rule.ExpirationInDays]);
      expect([id.slice(0, 7), expiring]).toEqual([
        id.slice(0, 7),
        id.startsWith('Results')
          ? [
              ['map-runs/', 30],
              ['runs/', 400],
            ]
          : id.startsWith('Inventor')
            ? [[undefined, 30]]
            : [],
      ]);
    }
  });

  it('tells EventBridge of files and inventories only', () => {
    const telling = dataBuckets.filter(
      ([, bucket]) =>
        bucket['Properties'].NotificationConfiguration?.EventBridgeConfiguration?.EventBridgeEnabled === true,
    );
    expect(telling.map(([id]) => id.slice(0, 7)).sort()).toEqual(['Invento', 'Staging']);
  });

  it('lists the staging bucket once a day, for events that never came', () => {
    const [, staging] = dataBuckets.find(([id]) => id.startsWith('Staging')) ?? [];
    expect(staging?.['Properties'].InventoryConfigurations).toEqual([
      expect.objectContaining({
        Enabled: true,
        IncludedObjectVersions: 'Current',
        OptionalFields: expect.arrayContaining(['Size', 'LastModifiedDate', 'ETag']),
        Destination: expect.objectContaining({ Format: 'CSV' }),
      }),
    ]);
  });

  it('can restore the state table to any second, lets lapse what may, and adds no function of its own', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      KeySchema: [
        { AttributeName: stateKeys.partition, KeyType: 'HASH' },
        { AttributeName: stateKeys.sort, KeyType: 'RANGE' },
      ],
      TimeToLiveSpecification: { AttributeName: stateKeys.expires, Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
      BillingMode: 'PAY_PER_REQUEST',
    });
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });

  it("makes each namespace once and no table: schemas are the runs' own", () => {
    template.resourceCountIs('AWS::Glue::Database', 2);
    template.resourceCountIs('AWS::Glue::Table', 0);
  });

  it('uses a rotated key of the account when told to', () => {
    templateOf({}, true).hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    template.resourceCountIs('AWS::KMS::Key', 0);
    for (const [id, bucket] of buckets(templateOf({}, true))) {
      const [rule] = bucket['Properties'].BucketEncryption.ServerSideEncryptionConfiguration;
      // Log delivery cannot use a customer's key.
      expect(rule.ServerSideEncryptionByDefault.SSEAlgorithm).toBe(
        id.startsWith('AccessLogs') ? 'AES256' : 'aws:kms',
      );
    }
  });
});

describe('removing the storage stack', () => {
  const kept = (from: Template) =>
    [
      ...Object.values(from.findResources('AWS::S3::Bucket')),
      ...Object.values(from.findResources('AWS::DynamoDB::Table')),
      ...Object.values(from.findResources('AWS::KMS::Key')),
      ...Object.values(from.findResources('AWS::Glue::Database')),
    ].map((resource) => resource['DeletionPolicy']);

  it.each([
    ['neither switch', {}],
    ['only the one that allows it', { [removalSwitches.allow]: 'true' }],
    ['only the one that names the stack', { [removalSwitches.name]: 'Storage' }],
    ['the name of another stack', { [removalSwitches.allow]: 'true', [removalSwitches.name]: 'Other' }],
  ])('keeps all data with %s', (_, context) => {
    expect(new Set(kept(templateOf(context, true)))).toEqual(new Set(['Retain']));
    expect(new StorageStack(testApp(context), 'Storage', props).terminationProtection).toBe(true);
  });

  it('removes it with both', () => {
    const context = { [removalSwitches.allow]: 'true', [removalSwitches.name]: 'Storage' };
    expect(new Set(kept(templateOf(context, true)))).toEqual(new Set(['Delete']));
    templateOf(context).hasResourceProperties(
      'AWS::DynamoDB::Table',
      Match.objectLike({ DeletionProtectionEnabled: false }),
    );
  });
});

it('would be told of a bucket that breaks the rules', () => {
  const app = testApp();
  new Bucket(new StorageStack(app, 'Storage', props), 'Careless');
  expect(nagFindings(app)).toEqual(expect.arrayContaining(['AwsSolutions-S1', 'AwsSolutions-S10']));
});

it.each([false, true])(
  'breaks no rule of AwsSolutions without a reason (customer key: %s)',
  (customerKey) => {
    const app = testApp();
    new StorageStack(app, 'Storage', { ...props, customerKey });
    expect(nagFindings(app)).toEqual([]);
  },
);
