import { ArnFormat, CfnOutput, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { deploymentParameter, feedPrefix, type PipelineConfig, sourcePrefix } from '../config/index.ts';
import { glueArns } from './function-rights.ts';
import type { Storage } from './storage-stack.ts';

export interface PeopleProps {
  readonly config: PipelineConfig;
  readonly storage: Storage;
  readonly stateMachineName: string;
  readonly queue: IQueue;
}

/**
 * What people need for the command line, as two policies to attach to their roles or permission sets: `Reader` for the
 * commands that look, `Operator` besides it for those that start, resume and cancel runs. Nobody gets a right to change a
 * table, a checkpoint, a run or a lease: that stays with the functions.
 */
export class People extends Construct {
  constructor(scope: Construct, id: string, props: PeopleProps) {
    super(scope, id);
    const { pipeline } = props.config;
    const policies = {
      Reader: { what: 'looks at tables and runs', statements: readerRights(this, props) },
      Operator: { what: 'starts, resumes and cancels runs', statements: operatorRights(this, props) },
    };
    for (const [name, { what, statements }] of Object.entries(policies)) {
      const policy = new ManagedPolicy(this, name, {
        description: `Partwise ${pipeline}: ${what} with the command line`,
        statements,
      });
      new CfnOutput(this, `${name}Policy`, { value: policy.managedPolicyArn });
    }
  }
}

function allow(actions: string[], ...resources: string[]): PolicyStatement {
  return new PolicyStatement({ actions, resources });
}

function readerRights(scope: Construct, { config, storage }: PeopleProps): PolicyStatement[] {
  const stack = Stack.of(scope);
  const { pipeline, tables } = config;
  const { warehouse, results, state, encryptionKey } = storage;
  return [
    allow(
      ['ssm:GetParameter'],
      stack.formatArn({
        service: 'ssm',
        resource: 'parameter',
        resourceName: deploymentParameter(pipeline).slice(1),
      }),
    ),
    items(
      state.tableArn,
      ['GetItem', 'BatchGetItem', 'Query'],
      ['runs', 'run', 'checkpoint', 'note', 'intake', 'pending', 'claim', 'lease'],
      pipeline,
    ),
    allow(['glue:GetTable', 'glue:GetTables'], ...glueArns(stack, tables.namespace)),
    allow(
      ['s3:GetObject'],
      warehouse.arnForObjects(`${tables.namespace}/*`),
      results.arnForObjects(`runs/${pipeline}-*`),
    ),
    // Listing says "not found" instead of "denied" for an object that is gone.
    allow(['s3:ListBucket'], warehouse.bucketArn, results.bucketArn),
    ...(encryptionKey === undefined ? [] : [allow(['kms:Decrypt'], encryptionKey.keyArn)]),
  ];
}

function operatorRights(
  scope: Construct,
  { config, storage, stateMachineName, queue }: PeopleProps,
): PolicyStatement[] {
  const stack = Stack.of(scope);
  const { staging, state, encryptionKey } = storage;
  const feeds = [sourcePrefix(config), feedPrefix(config)].filter((prefix) => prefix !== undefined);
  const states = (resource: string, resourceName: string) =>
    stack.formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  return [
    allow(
      ['s3:PutObject', 's3:AbortMultipartUpload', 's3:GetObject'],
      ...feeds.map((prefix) => staging.arnForObjects(`${prefix}/*`)),
    ),
    allow(['s3:ListBucket'], staging.bucketArn),
    items(
      state.tableArn,
      ['PutItem', 'UpdateItem', 'DeleteItem'],
      ['intake', 'pending', 'claim'],
      config.pipeline,
    ),
    allow(['states:StartExecution', 'states:ListExecutions'], states('stateMachine', stateMachineName)),
    allow(
      ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
      states('execution', `${stateMachineName}:*`),
    ),
    allow(['sqs:SendMessage'], queue.queueArn),
    ...(encryptionKey === undefined ? [] : [allow(['kms:GenerateDataKey'], encryptionKey.keyArn)]),
  ];
}

/** Partition keys of the state table by what they hold, see docs/aws/state-table.md. */
const keysOf = {
  runs: (pipeline: string) => `runs#${pipeline}`,
  run: (pipeline: string) => `run#${pipeline}-*`,
  checkpoint: (pipeline: string) => `checkpoint#${pipeline}-*`,
  note: (pipeline: string) => `note#${pipeline}-*`,
  intake: (pipeline: string) => `intake#${pipeline}#*`,
  pending: (pipeline: string) => `pending#${pipeline}#*`,
  claim: (pipeline: string) => `claim#${pipeline}-*`,
  lease: (pipeline: string) => `lease#pipeline/${pipeline}`,
} as const;

/** Items of one pipeline in the table that all pipelines share. */
function items(
  tableArn: string,
  actions: readonly string[],
  kinds: readonly (keyof typeof keysOf)[],
  pipeline: string,
): PolicyStatement {
  return new PolicyStatement({
    actions: actions.map((action) => `dynamodb:${action}`),
    resources: [tableArn],
    conditions: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': kinds.map((kind) => keysOf[kind](pipeline)) },
      // Without keys in the request the condition above would hold for any.
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
  });
}
