import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import { configDigest, loadPipeline, type PipelineConfig, parseDeployment } from '../../lib/config/index.ts';
import { addStacks } from '../../lib/stacks/partwise-app.ts';
import { FUNCTION_NAMES, type FunctionName, PipelineMachine } from '../../lib/stacks/pipeline-machine.ts';
import { wildcardReason, wildcards } from '../../lib/stacks/wildcards.ts';
import { loadSummary } from '../support/pipelines.ts';
import { nagFindings, testApp } from './nag.ts';

const accounts = await loadSummary('pipelines/accounts.yaml');
const everything = await loadSummary('test/config/everything.yaml');
const metrics = await loadPipeline('pipelines/metrics.yaml');
const stacksOf = (configs: readonly PipelineConfig[], context: Readonly<Record<string, unknown>> = {}) => {
  const app = testApp(context);
  addStacks(app, configs);
  return { app, template: (id: string) => Template.fromStack(app.node.findChild(id) as Stack) };
};
const made = stacksOf([accounts, everything]);
const template = made.template('Partwise-everything');

type Properties = Readonly<Record<string, unknown>>;
const propertiesOf = (type: string, from = template): readonly Properties[] =>
  Object.values(from.findResources(type)).map((resource) => resource['Properties'] as Properties);
const functions = new Map(
  propertiesOf('AWS::Lambda::Function').map((one) => [String(one['Handler']).split('.')[0] ?? '', one]),
);

describe('the functions of a pipeline', () => {
  it('are the eight handlers, on arm64 and Node 24, traced, each with its own role and log', () => {
    expect([...functions.keys()].sort()).toEqual([
      'audit',
      'intake',
      'plan',
      'publish',
      'reap',
      'report',
      'trigger',
      'work',
    ]);
    for (const [name, one] of functions) {
      expect([name, one['Architectures'], one['Runtime']]).toEqual([name, ['arm64'], 'nodejs24.x']);
      expect(one['TracingConfig']).toEqual({ Mode: 'Active' });
      expect(one['LoggingConfig']).toEqual({ LogFormat: 'JSON', LogGroup: expect.anything() });
    }
    expect(
      new Set(propertiesOf('AWS::Lambda::Function').map((one) => JSON.stringify(one['Role']))).size,
    ).toBe(8);
  });

  it('have the memory, disk and time that the pipeline says', () => {
    expect(functions.get('work')).toMatchObject({
      MemorySize: Math.ceil(5e9 / 2 ** 20),
      EphemeralStorage: { Size: Math.ceil(10e9 / 2 ** 20) },
      Timeout: 600,
    });
    expect(functions.get('plan')).toMatchObject({ MemorySize: Math.ceil(3e9 / 2 ** 20), Timeout: 900 });
  });

  it('keep their logs for as long as the pipeline says', () => {
    const kept = propertiesOf('AWS::Logs::LogGroup').map((group) => group['RetentionInDays']);
    expect(kept.filter((days) => days === 30)).toHaveLength(10);
    expect(kept.filter((days) => days === undefined)).toEqual([]);
  });
});

describe('the state machine', () => {
  it('is named after the pipeline', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: 'partwise-everything',
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
      TracingConfiguration: { Enabled: true },
    });
  });
});

describe('the parameter that the command line reads', () => {
  /** As CloudFormation would: each reference by what it names. */
  const resolved = (value: unknown): string => {
    if (typeof value === 'string') return value;
    const { 'Fn::Join': join, ...other } = value as { 'Fn::Join'?: readonly [string, readonly unknown[]] };
    if (join !== undefined) return join[1].map(resolved).join(join[0]);
    return `<${/ExportsOutputRef([A-Za-z]+)/.exec(JSON.stringify(other))?.[1] ?? Object.values(other)[0]}>`;
  };

  it('lies under the pipeline’s name and says where everything is', () => {
    const [parameter] = propertiesOf('AWS::SSM::Parameter');
    expect(parameter?.['Name']).toBe('/partwise/everything');
    const deployment = parseDeployment(resolved(parameter?.['Value']));
    expect(deployment).toMatchObject({
      pipeline: 'everything',
      stateMachine: expect.stringContaining(':stateMachine:partwise-everything'),
      queue: expect.stringMatching(/^<Queue/),
      stateTable: expect.stringMatching(/^<State/),
      staging: expect.stringMatching(/^<StagingBucket/),
      warehouse: expect.stringMatching(/^<WarehouseBucket/),
      results: expect.stringMatching(/^<ResultsBucket/),
      configDigest: configDigest(everything),
      concurrency: everything.aws.concurrency,
    });
  });

  it('of another version is not guessed at', () => {
    expect(parseDeployment('{"version": 2, "pipeline": "everything"}')).toBeUndefined();
    expect(parseDeployment('not JSON')).toBeUndefined();
  });
});

describe('what starts a run', () => {
  const patternsOf = (from?: Template) =>
    propertiesOf('AWS::Events::Rule', from).map((rule) => rule['EventPattern'] as Properties | undefined);
  const keysOf = (from?: Template) =>
    patternsOf(from).flatMap((pattern) => {
      const detail = pattern?.['detail'] as { object?: { key: readonly unknown[] } } | undefined;
      return detail?.object?.key ?? [];
    });

  it('is a file in one of the feeds’ folders, or an inventory of the staging bucket', () => {
    expect(keysOf(made.template('Partwise-accounts'))).toEqual([
      { prefix: 'accounts/' },
      { suffix: '/manifest.checksum' },
    ]);
  });

  it('is a new snapshot of the staging table instead of single files of its feed, when there is one', () => {
    expect(keysOf()).toEqual([{ prefix: 'drops/everything-deletions/' }, { suffix: '/manifest.checksum' }]);
    expect(patternsOf()).toContainEqual({
      source: ['aws.glue'],
      'detail-type': ['Glue Data Catalog Table State Change'],
      detail: { databaseName: ['staging'], tableName: ['every_record'], typeOfChange: ['UpdateTable'] },
    });
    expect(patternsOf()).toContainEqual({
      source: ['partwise.staged'],
      detail: { pipeline: ['everything'], table: ['staging.every_record'] },
    });
  });

  it('is the end of the run before, if anything came meanwhile', () => {
    expect(JSON.stringify(patternsOf())).toContain('Step Functions Execution Status Change');
  });

  it('goes through one encrypted queue that gives up to a dead-letter queue, and reports single failures', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      RedrivePolicy: { maxReceiveCount: 5, deadLetterTargetArn: Match.anyValue() },
      SqsManagedSseEnabled: true,
      // Six times the function's time-out, as Lambda asks for.
      VisibilityTimeout: 1_800,
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    const targets = propertiesOf('AWS::Events::Rule').flatMap(
      (rule) => rule['Targets'] as readonly Properties[],
    );
    const toQueue = targets.filter((target) => JSON.stringify(target['Arn']).includes('Queue'));
    expect(toQueue.length).toBe(5);
    for (const target of toQueue) expect(target['DeadLetterConfig']).toBeDefined();
  });

  it('is the schedule, in its time zone, with the scheduled time as the logical time, and only when there is one', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0 6 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Vienna',
      Target: {
        Input: Match.serializedJson({
          partwise: 'schedule',
          pipeline: 'everything',
          logicalTime: '<aws.scheduler.scheduled-time>',
        }),
        RetryPolicy: { MaximumEventAgeInSeconds: 21_600, MaximumRetryAttempts: Match.anyValue() },
      },
    });
    made.template('Partwise-accounts').resourceCountIs('AWS::Scheduler::Schedule', 0);
  });
});

describe('alarms and notifications', () => {
  it('are there by default and all tell the topic', () => {
    const alarms = propertiesOf('AWS::CloudWatch::Alarm');
    expect(alarms).toHaveLength(7);
    const topics = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const alarm of alarms) expect(alarm['AlarmActions']).toEqual([{ Ref: topics[0] }]);
  });

  it('have the thresholds of the pipeline', () => {
    const thresholds = new Map(
      propertiesOf('AWS::CloudWatch::Alarm').map((alarm) => [alarm['MetricName'] ?? '', alarm['Threshold']]),
    );
    expect(thresholds.get('OldestRunAge')).toBe(3 * 3_600);
    expect(thresholds.get('OldestPendingAge')).toBe(3_600);
    expect(propertiesOf('AWS::CloudWatch::Alarm').map((alarm) => alarm['Threshold'])).toContain(500_000);
  });

  it('tell of a run at its deadline, if that is sooner', () => {
    const soon = { ...everything, work: { ...everything.work, deadline: '2h' } };
    stacksOf([soon])
      .template('Partwise-everything')
      .hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName: 'OldestRunAge',
        Threshold: 2 * 3_600,
      });
  });

  it('let CloudWatch and EventBridge publish, with TLS only', () => {
    const [policy] = propertiesOf('AWS::SNS::TopicPolicy');
    const text = JSON.stringify(policy);
    expect(text).toContain('cloudwatch.amazonaws.com');
    expect(text).toContain('events.amazonaws.com');
    expect(text).toContain('aws:SecureTransport');
  });

  it('come with a dashboard and a rule for each end of a run', () => {
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
    expect(JSON.stringify(propertiesOf('AWS::Events::Rule'))).toContain('TIMED_OUT');
  });
});

describe('the stacks together', () => {
  it('keep data out of the pipelines’ stacks, so that these can be removed and made again', () => {
    for (const type of ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::Glue::Database'])
      template.resourceCountIs(type, 0);
    made.template('PartwiseStorage').resourceCountIs('AWS::S3::Bucket', 5);
  });

  it('tag everything with the application and the pipeline', () => {
    template.hasResourceProperties('AWS::SNS::Topic', {
      Tags: Match.arrayWith([
        { Key: 'application', Value: 'partwise' },
        { Key: 'partwise:pipeline', Value: 'everything' },
      ]),
    });
  });

  it('break no rule of AwsSolutions but the one on wildcards, each of which has a reason', () => {
    const found = [{}, { 'partwise:customerKey': 'true' }].flatMap((context) =>
      nagFindings(stacksOf([accounts, everything, metrics], context).app),
    );
    const asked = found.map((one) => /^AwsSolutions-IAM5\[(.+)\]$/.exec(one)?.[1] ?? one);
    expect(asked.filter((one) => wildcardReason(one) === undefined)).toEqual([]);
    // A reason that nothing needs any more would let something else pass one day.
    expect(wildcards.filter(({ finding }) => !asked.some((one) => finding.test(one)))).toEqual([]);
  });
});

it('lets a machine use the key of an encrypted results bucket', () => {
  const encrypted = new Stack(testApp(), 'Encrypted');
  const arn = 'arn:aws:lambda:eu-west-1:111111111111:function:f';
  const named = Object.fromEntries(
    FUNCTION_NAMES.map((name) => [name, LambdaFunction.fromFunctionArn(encrypted, name, arn)]),
  ) as Record<FunctionName, IFunction>;
  const results = Bucket.fromBucketAttributes(encrypted, 'Results', {
    bucketName: 'results',
    encryptionKey: new Key(encrypted, 'Key'),
  });
  new PipelineMachine(encrypted, 'Pipeline', { functions: named, results });
  expect(JSON.stringify(Template.fromStack(encrypted).findResources('AWS::IAM::Policy'))).toContain(
    'kms:Decrypt',
  );
});
