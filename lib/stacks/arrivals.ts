import { Duration, TimeZone } from 'aws-cdk-lib';
import { Schedule as EventSchedule, Match, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import {
  ContextAttribute,
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
import { SqsSendMessage } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  feedPrefix,
  type PipelineConfig,
  parseDurationMs,
  scheduleOf,
  sourcePrefix,
} from '../config/index.ts';
import { triggerTimeout } from './pipeline-functions.ts';
import type { Storage } from './storage-stack.ts';

/** Times that a message is tried before it goes to the dead-letter queue. */
const mostReceives = 5;

export interface ArrivalQueues {
  readonly queue: Queue;
  readonly deadLetters: Queue;
}

/** The queue of a pipeline's events and the one that keeps what could not be taken in. */
export function arrivalQueues(scope: Construct): ArrivalQueues {
  const deadLetters = new Queue(scope, 'DeadLetters', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  const queue = new Queue(scope, 'Queue', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
    visibilityTimeout: Duration.seconds(triggerTimeout.toSeconds() * 6),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: mostReceives },
  });
  return { queue, deadLetters };
}

export interface ArrivalsProps {
  readonly queues: ArrivalQueues;
  readonly config: PipelineConfig;
  readonly storage: Storage;
  readonly trigger: IFunction;
  readonly reap: IFunction;
  readonly stateMachineArn: string;
}

/**
 * Everything that can make a run necessary, through one queue to one function: files that arrive, inventories of the
 * staging bucket, new snapshots of a staging table, the schedule, and the end of the run before.
 */
export class Arrivals extends Construct {
  private readonly queue: Queue;
  private readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: ArrivalsProps) {
    super(scope, id);
    const { config, trigger, stateMachineArn } = props;
    this.queue = props.queues.queue;
    this.deadLetters = props.queues.deadLetters;
    trigger.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: 500,
        maxBatchingWindow: Duration.seconds(20),
        maxConcurrency: 2,
        reportBatchItemFailures: true,
      }),
    );
    for (const sender of [trigger, props.reap]) this.queue.grantSendMessages(sender);
    this.rules(props.storage, config, stateMachineArn);
    this.schedule(config);
    new Rule(this, 'Sweep', {
      description: `Partwise ${config.pipeline}: ages, and runs that nothing else started`,
      schedule: EventSchedule.rate(Duration.minutes(15)),
      targets: [new LambdaFunction(props.reap, { deadLetterQueue: this.deadLetters, retryAttempts: 2 })],
    });
  }

  private rules(storage: Storage, config: PipelineConfig, stateMachineArn: string): void {
    const target = new SqsQueue(this.queue, { deadLetterQueue: this.deadLetters });
    const { table } = config.source;
    // Files of a staging table count once a snapshot has them.
    const records = table === undefined ? sourcePrefix(config) : undefined;
    const prefixes = [records, feedPrefix(config)].filter((prefix) => prefix !== undefined);
    const created = (bucket: string, key: readonly unknown[]) => ({
      source: ['aws.s3'],
      detailType: ['Object Created'],
      detail: { bucket: { name: [bucket] }, object: { key } },
    });
    if (prefixes.length > 0) {
      new Rule(this, 'Files', {
        description: `Partwise ${config.pipeline}: a file arrived`,
        eventPattern: created(
          storage.staging.bucketName,
          prefixes.map((prefix) => ({ prefix: `${prefix}/` })),
        ),
        targets: [target],
      });
    }
    new Rule(this, 'Inventories', {
      description: `Partwise ${config.pipeline}: an inventory of the staging bucket was delivered`,
      eventPattern: created(storage.inventories.bucketName, [{ suffix: '/manifest.checksum' }]),
      targets: [target],
    });
    if (table !== undefined) this.stagedRules(config, table, target);
    new Rule(this, 'RunEnded', {
      description: `Partwise ${config.pipeline}: what waited for a run goes on`,
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [stateMachineArn],
          status: Match.anyOf('SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'),
        },
      },
      targets: [target],
    });
  }

  /** A new snapshot of the staging table: Glue tells of it, or whoever writes it does. */
  private stagedRules(config: PipelineConfig, table: string, target: SqsQueue): void {
    const [databaseName, tableName] = table.split('.');
    new Rule(this, 'Staged', {
      description: `Partwise ${config.pipeline}: a new snapshot of ${table}, as its writer says`,
      eventPattern: {
        source: ['partwise.staged'],
        detail: { pipeline: [config.pipeline], table: [table] },
      },
      targets: [target],
    });
    new Rule(this, 'TableChanged', {
      description: `Partwise ${config.pipeline}: a new snapshot of ${table}, as Glue says`,
      eventPattern: {
        source: ['aws.glue'],
        detailType: ['Glue Data Catalog Table State Change'],
        detail: { databaseName: [databaseName], tableName: [tableName], typeOfChange: ['UpdateTable'] },
      },
      targets: [target],
    });
  }

  private schedule(config: PipelineConfig): void {
    const schedule = scheduleOf(config);
    if (schedule === undefined) return;
    new Schedule(this, 'Schedule', {
      description: `Partwise ${config.pipeline}: a run over whatever waits`,
      schedule: ScheduleExpression.expression(schedule.expression, TimeZone.of(schedule.timezone)),
      target: new SqsSendMessage(this.queue, {
        input: ScheduleTargetInput.fromObject({
          partwise: 'schedule',
          pipeline: config.pipeline,
          logicalTime: ContextAttribute.scheduledTime,
        }),
        maxEventAge: Duration.millis(parseDurationMs(schedule.catchUp)),
        deadLetterQueue: this.deadLetters,
      }),
    });
  }
}
