import { resolve } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { CfnJob } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { glueSettings, type PipelineConfig, parseDurationMs } from '../config/index.ts';
import { sparkRights } from './function-rights.ts';
import type { SparkJob } from './spark-states.ts';
import type { Storage } from './storage-stack.ts';

export interface SparkGlueJobProps {
  readonly config: PipelineConfig;
  readonly storage: Storage;
}

/** Spark 3.5 and Iceberg's runtime. */
const glueVersion = '5.0';
const runnerPath = resolve(import.meta.dirname, '../../glue/runner.py');

/**
 * The job that runs lists of compiled units. It knows no pipeline: what it reads and writes is in the specifications. Nothing
 * retries it but the state machine, and it keeps no bookmarks.
 */
export class SparkGlueJob extends Construct implements SparkJob {
  readonly jobName: string;
  readonly concurrency: number;

  constructor(scope: Construct, id: string, { config, storage }: SparkGlueJobProps) {
    super(scope, id);
    const settings = glueSettings(config);
    const { pipeline } = config;
    this.jobName = `partwise-${pipeline}`;
    this.concurrency = settings.concurrentRuns;
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('glue.amazonaws.com'),
      description: `Partwise ${pipeline}: units run by Spark`,
    });
    for (const statement of sparkRights({ stack: Stack.of(this), config, storage }))
      role.addToPolicy(statement);
    if (storage.encryptionKey !== undefined)
      role.addToPolicy(
        new PolicyStatement({
          actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'],
          resources: [storage.encryptionKey.keyArn],
        }),
      );
    const runner = new Asset(this, 'Runner', { path: runnerPath });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [runner.bucket.arnForObjects(runner.s3ObjectKey)],
      }),
    );
    const logs = `/partwise/${pipeline}/spark`;
    // The service names both groups itself, below the prefix.
    for (const kind of ['output', 'error'])
      new LogGroup(this, `${kind}-log`, {
        logGroupName: `${logs}/${kind}`,
        retention: config.aws.logDays as RetentionDays,
      }).grantWrite(role);
    const job = new CfnJob(this, 'Job', {
      name: this.jobName,
      description: `Partwise ${pipeline}: units that Spark runs`,
      role: role.roleArn,
      glueVersion,
      command: { name: 'glueetl', pythonVersion: '3', scriptLocation: runner.s3ObjectUrl },
      workerType: settings.workerType ?? 'G.1X',
      numberOfWorkers: settings.workers,
      timeout: Math.ceil(parseDurationMs(settings.timeout) / 60_000),
      maxRetries: 0,
      executionProperty: { maxConcurrentRuns: settings.concurrentRuns },
      defaultArguments: {
        '--datalake-formats': 'iceberg',
        '--job-bookmark-option': 'job-bookmark-disable',
        '--enable-auto-scaling': 'true',
        '--enable-metrics': 'true',
        '--custom-logGroup-prefix': logs,
      },
    });
    Validations.of(job).acknowledge(
      {
        id: 'AwsSolutions::AwsSolutions-GL1',
        reason:
          'Logs are encrypted with the key of CloudWatch, as those of the functions are; they hold no rows.',
      },
      { id: 'AwsSolutions::AwsSolutions-GL3', reason: 'The job keeps no bookmarks.' },
    );
  }
}
