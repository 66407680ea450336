import { Duration, Size, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  type Code,
  type IFunction,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { asksForSpark, type PipelineConfig, parseByteSize, parseDurationMs } from '../config/index.ts';
import { functionRights, type PipelineFunction } from './function-rights.ts';
import type { Storage } from './storage-stack.ts';

export interface PipelineFunctionsProps {
  readonly config: PipelineConfig;
  readonly storage: Storage;
  readonly code: Code;
  /** Formed from its name, since the machine itself needs the functions. */
  readonly stateMachineArn: string;
  readonly queueUrl: string;
}

const smallMiB = 512;
/** A trigger handles at most one batch of events; the queue's visibility time-out follows from it. */
export const triggerTimeout = Duration.minutes(5);

/** The functions of one pipeline: each with a role, a log group and the memory of its own that it needs. */
export class PipelineFunctions extends Construct {
  readonly byName: Readonly<Record<PipelineFunction, IFunction>>;
  /** MiB by function, for what they cost. */
  readonly memoryMiB: Readonly<Record<PipelineFunction, number>>;

  constructor(scope: Construct, id: string, props: PipelineFunctionsProps) {
    super(scope, id);
    const { config, storage, stateMachineArn } = props;
    const { aws } = config;
    const work = mebibytes(aws.memory);
    const control = mebibytes(aws.controlMemory);
    this.memoryMiB = {
      trigger: smallMiB * 2,
      intake: smallMiB * 2,
      plan: control,
      work,
      audit: control,
      publish: control,
      report: control,
      reap: smallMiB,
    };
    const rights = functionRights({ stack: Stack.of(this), config, storage, stateMachineArn });
    const environment = {
      PARTWISE_PIPELINE: config.pipeline,
      PARTWISE_STAGING: `s3://${storage.staging.bucketName}`,
      PARTWISE_WAREHOUSE: `s3://${storage.warehouse.bucketName}`,
      PARTWISE_RESULTS: `s3://${storage.results.bucketName}`,
      PARTWISE_STATE_TABLE: storage.state.tableName,
      PARTWISE_STATE_MACHINE: stateMachineArn,
      PARTWISE_INVENTORIES: `s3://${storage.inventories.bucketName}`,
      PARTWISE_QUEUE: props.queueUrl,
      ...(asksForSpark(config) ? { PARTWISE_SPARK: 'glue' } : {}),
      POWERTOOLS_SERVICE_NAME: `partwise-${config.pipeline}`,
      POWERTOOLS_METRICS_NAMESPACE: 'Partwise',
      NODE_OPTIONS: '--enable-source-maps',
    };
    const make = (name: PipelineFunction): LambdaFunction => {
      const logGroup = new LogGroup(this, `${name}-log`, { retention: aws.logDays as RetentionDays });
      const role = new Role(this, `${name}-role`, {
        assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
        description: `Partwise ${config.pipeline}: ${name}`,
      });
      logGroup.grantWrite(role);
      for (const statement of rights[name]) role.addToPolicy(statement);
      if (storage.encryptionKey !== undefined) role.addToPolicy(useKey(storage.encryptionKey.keyArn));
      const isWork = name === 'work';
      return new LambdaFunction(this, name, {
        description: `Partwise ${config.pipeline}: ${name}`,
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.ARM_64,
        code: props.code,
        handler: `${name}.handler`,
        role,
        logGroup,
        loggingFormat: LoggingFormat.JSON,
        tracing: Tracing.ACTIVE,
        memorySize: this.memoryMiB[name],
        ephemeralStorageSize: Size.mebibytes(
          isWork || name === 'audit' || name === 'report' ? mebibytes(aws.disk) : 512,
        ),
        timeout:
          name === 'trigger' || name === 'reap'
            ? triggerTimeout
            : isWork
              ? Duration.millis(parseDurationMs(aws.unitTimeout))
              : Duration.minutes(15),
        environment,
        // Tasks are retried by the state machine, events by their queue.
        retryAttempts: 0,
      });
    };
    this.byName = {
      trigger: make('trigger'),
      intake: make('intake'),
      plan: make('plan'),
      work: make('work'),
      audit: make('audit'),
      publish: make('publish'),
      report: make('report'),
      reap: make('reap'),
    };
  }
}

function mebibytes(size: string): number {
  return Math.min(10_240, Math.max(512, Math.ceil(parseByteSize(size) / 2 ** 20)));
}

/** What S3 and DynamoDB need of a key on behalf of a function. */
function useKey(arn: string): PolicyStatement {
  return new PolicyStatement({
    actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'],
    resources: [arn],
  });
}
