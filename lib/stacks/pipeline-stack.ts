import { ArnFormat, CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import {
  asksForSpark,
  configDigest,
  type Deployment,
  deploymentParameter,
  type PipelineConfig,
} from '../config/index.ts';
import { Arrivals, arrivalQueues } from './arrivals.ts';
import { People } from './people.ts';
import { PipelineFunctions } from './pipeline-functions.ts';
import { PipelineMachine } from './pipeline-machine.ts';
import { RunEnds } from './run-ends.ts';
import { SparkGlueJob } from './spark-job.ts';
import type { Storage } from './storage-stack.ts';
import { Watching } from './watching.ts';

export interface PipelineStackProps extends StackProps {
  readonly config: PipelineConfig;
  readonly storage: Storage;
  readonly code: Code;
}

/** Name of a pipeline's state machine. */
const stateMachineName = (pipeline: string): string => `partwise-${pipeline}`;

/**
 * Everything of one pipeline that holds no data: removing and making it again loses nothing, what waits in the
 * staging bucket is taken in again by the next inventory or scheduled run.
 */
export class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id, props);
    const { config, storage, code } = props;
    const name = stateMachineName(config.pipeline);
    const stateMachineArn = this.formatArn({
      service: 'states',
      resource: 'stateMachine',
      resourceName: name,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const queues = arrivalQueues(this);
    const functions = new PipelineFunctions(this, 'Functions', {
      config,
      storage,
      code,
      stateMachineArn,
      queueUrl: queues.queue.queueUrl,
    });
    const spark = asksForSpark(config) ? new SparkGlueJob(this, 'Spark', { config, storage }) : undefined;
    const pipeline = new PipelineMachine(this, 'Pipeline', {
      functions: functions.byName,
      results: storage.results,
      ...(spark === undefined ? {} : { spark }),
    });
    (pipeline.stateMachine.node.defaultChild as CfnStateMachine).stateMachineName = name;
    new Arrivals(this, 'Arrivals', {
      queues,
      config,
      storage,
      stateMachineArn,
      trigger: functions.byName.trigger,
      reap: functions.byName.reap,
    });
    const { topic } = new RunEnds(this, 'RunEnds', { pipeline: config.pipeline, stateMachineArn });
    new Watching(this, 'Watching', {
      config,
      functions,
      stateMachine: pipeline.stateMachine,
      ...queues,
      topic,
    });
    new People(this, 'People', { config, storage, stateMachineName: name, queue: queues.queue });
    Tags.of(this).add('partwise:pipeline', config.pipeline);
    this.deployment(props, { stateMachine: stateMachineArn, queue: queues.queue.queueUrl });
    new CfnOutput(this, 'StateMachineArn', { value: pipeline.stateMachine.stateMachineArn });
    new CfnOutput(this, 'QueueUrl', { value: queues.queue.queueUrl });
  }

  /** The one place where the command line looks for the names of everything. */
  private deployment(
    { config, storage }: PipelineStackProps,
    own: Pick<Deployment, 'stateMachine' | 'queue'>,
  ): void {
    const deployment: Deployment = {
      version: 1,
      pipeline: config.pipeline,
      ...own,
      stateTable: storage.state.tableName,
      staging: storage.staging.bucketName,
      warehouse: storage.warehouse.bucketName,
      results: storage.results.bucketName,
      configDigest: configDigest(config),
      concurrency: config.aws.concurrency,
    };
    new StringParameter(this, 'Deployment', {
      parameterName: deploymentParameter(config.pipeline),
      description: `Partwise ${config.pipeline}: where it lives, for the command line`,
      stringValue: this.toJsonString(deployment),
    });
  }
}
