import { ArnFormat, type Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { feedPrefix, type PipelineConfig, rollupTable, sourcePrefix } from '../config/index.ts';
import type { Storage } from './storage-stack.ts';

/** The functions of a pipeline. `trigger` and `reap` are behind events, the others behind the state machine's tasks. */
export type PipelineFunction =
  | 'trigger'
  | 'intake'
  | 'plan'
  | 'work'
  | 'audit'
  | 'publish'
  | 'report'
  | 'reap';

export interface RightsOptions {
  readonly stack: Stack;
  readonly config: PipelineConfig;
  readonly storage: Storage;
  readonly stateMachineArn: string;
}

/** What each function may do, and nothing else. `docs/aws/iam.md` says the same in words; a test holds both together. */
export function functionRights(
  options: RightsOptions,
): Readonly<Record<PipelineFunction, PolicyStatement[]>> {
  const { stack, config, storage, stateMachineArn } = options;
  const { staging, warehouse, results } = storage;
  const allow = (actions: string[], ...resources: string[]) => new PolicyStatement({ actions, resources });
  const namespace = config.tables.namespace;
  const feeds = [sourcePrefix(config), feedPrefix(config)].filter((prefix) => prefix !== undefined);
  const tableObjects = warehouse.arnForObjects(`${namespace}/*`);

  const state = allow(
    [
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:ConditionCheckItem',
    ],
    storage.state.tableArn,
  );
  const readSources = [
    allow(
      ['s3:GetObject', 's3:GetObjectVersion'],
      ...feeds.map((prefix) => staging.arnForObjects(`${prefix}/*`)),
    ),
    // Listing says "not found" instead of "denied" for an object that is gone.
    allow(['s3:ListBucket'], staging.bucketArn),
  ];
  const artefacts = [
    allow(
      ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      results.arnForObjects('runs/*'),
    ),
    allow(['s3:ListBucket', 's3:ListBucketMultipartUploads'], results.bucketArn),
  ];
  const readTables = [
    allow(['s3:GetObject'], tableObjects),
    allow(['s3:ListBucket'], warehouse.bucketArn),
    allow(['glue:GetDatabase', 'glue:GetTable', 'glue:GetTables'], ...glueArns(stack, namespace)),
  ];
  const writeFiles = allow(
    ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
    tableObjects,
  );
  const swapPointers = allow(['glue:CreateTable', 'glue:UpdateTable'], ...glueArns(stack, namespace));
  const removeFiles = allow(['s3:DeleteObject'], tableObjects);
  const removeArtefacts = allow(['s3:DeleteObject'], results.arnForObjects('runs/*'));
  const startRuns = allow(['states:StartExecution', 'states:ListExecutions'], stateMachineArn);
  const announce = allow(
    ['events:PutEvents'],
    stack.formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' }),
  );
  const inventories = [
    allow(['s3:GetObject'], storage.inventories.arnForObjects('*')),
    allow(['s3:ListBucket'], storage.inventories.bucketArn),
  ];

  const readStaged = stagedTable(stack, config);
  // The committer drops its own records and uploads of plain files: state and dead letters, never a table's files.
  const dropPending =
    config.kind === 'rollup'
      ? [
          allow(
            ['s3:DeleteObject'],
            warehouse.arnForObjects(`${namespace}/${rollupTable(config)}_state/*`),
            warehouse.arnForObjects(`${namespace}/${rollupTable(config)}_dead_letters/*`),
          ),
          allow(['s3:ListBucketMultipartUploads'], warehouse.bucketArn),
        ]
      : [];

  return {
    trigger: [state, ...readSources, ...readStaged, ...inventories, startRuns],
    intake: [state, ...artefacts, ...readTables],
    // A table that lags behind the other of an earlier run is moved first.
    plan: [state, ...artefacts, ...readTables, writeFiles, swapPointers],
    work: [state, ...readSources, ...artefacts, ...readTables, writeFiles, ...dropPending],
    audit: [state, ...artefacts, ...readTables],
    publish: [state, ...artefacts, ...readTables, writeFiles, swapPointers, ...dropPending],
    // Compaction and expiry run here after a publish.
    report: [
      state,
      ...artefacts,
      ...readTables,
      writeFiles,
      swapPointers,
      removeFiles,
      removeArtefacts,
      ...dropPending,
      announce,
    ],
    reap: [state, startRuns],
  };
}

/**
 * What the job of Spark may do. It reads the tables' files and the run's; it writes data files beside them, which nothing refers
 * to, and its own in the run's folder, where plain files get their names by a copy and a delete.
 */
export function sparkRights({
  config,
  storage: { warehouse, results },
}: Pick<RightsOptions, 'stack' | 'config' | 'storage'>): PolicyStatement[] {
  const allow = (actions: string[], ...resources: string[]) => new PolicyStatement({ actions, resources });
  const data = warehouse.arnForObjects(`${config.tables.namespace}/*`);
  const artefacts = results.arnForObjects('runs/*');
  return [
    allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], data),
    allow(
      [
        's3:GetObject',
        's3:PutObject',
        's3:DeleteObject',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      artefacts,
    ),
    allow(
      ['s3:ListBucket', 's3:GetBucketLocation', 's3:ListBucketMultipartUploads'],
      warehouse.bucketArn,
      results.bucketArn,
    ),
    new PolicyStatement({
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: { StringEquals: { 'cloudwatch:namespace': 'Glue' } },
    }),
  ];
}

/** The pointer of the staging table, if there is one. */
function stagedTable(stack: Stack, config: PipelineConfig): PolicyStatement[] {
  const [namespace, name] = config.source.table?.split('.') ?? [];
  if (namespace === undefined || name === undefined) return [];
  return [new PolicyStatement({ actions: ['glue:GetTable'], resources: glueArns(stack, namespace, name) })];
}

/** The catalog, one database, and its tables or one of them. */
export function glueArns(stack: Stack, namespace: string, table = '*'): string[] {
  const arn = (resource: string, resourceName?: string) =>
    stack.formatArn({
      service: 'glue',
      resource,
      ...(resourceName === undefined
        ? { arnFormat: ArnFormat.NO_RESOURCE_NAME }
        : { resourceName, arnFormat: ArnFormat.SLASH_RESOURCE_NAME }),
    });
  return [arn('catalog'), arn('database', namespace), arn('table', `${namespace}/${table}`)];
}
