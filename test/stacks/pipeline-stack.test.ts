import { App, Stack, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { FEATURE_FLAGS } from '../../lib/stacks/feature-flags.ts';
import { FUNCTION_NAMES, type FunctionName, PipelineMachine } from '../../lib/stacks/pipeline-machine.ts';
import { PipelineStack } from '../../lib/stacks/pipeline-stack.ts';

const app = new App({ context: FEATURE_FLAGS });
const stack = new PipelineStack(app, 'Partwise');
const template = Template.fromStack(stack);

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Effect: string;
}
const statements = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
  (policy) => policy['Properties'].PolicyDocument.Statement as readonly Statement[],
);
const granted = (action: string) =>
  statements.filter((statement) => [statement.Action].flat().includes(action));

describe('the stack', () => {
  it('has one standard state machine, and nothing that holds data', () => {
    template.resourceCountIs('AWS::StepFunctions::StateMachine', 1);
    template.resourceCountIs('AWS::S3::Bucket', 0);
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });

  it('takes each function and the results bucket as a parameter', () => {
    const names = Object.keys(template.findParameters('*')).filter((name) => name !== 'BootstrapVersion');
    expect(names.sort()).toEqual([
      'AuditFunctionArn',
      'IntakeFunctionArn',
      'PlanFunctionArn',
      'PublishFunctionArn',
      'ReportFunctionArn',
      'ResultsBucketName',
      'WorkFunctionArn',
    ]);
  });

  it('lets the machine run, watch, stop and redrive its Map children', () => {
    for (const action of [
      'states:StartExecution',
      'states:DescribeExecution',
      'states:StopExecution',
      'states:RedriveExecution',
    ]) {
      expect([action, granted(action).length]).toEqual([action, expect.any(Number)]);
      expect(granted(action)).not.toEqual([]);
    }
  });

  it('lets the machine read item lists from and write results to the results bucket, and delete nothing', () => {
    for (const action of ['s3:GetObject', 's3:PutObject'])
      expect([action, granted(action)]).not.toEqual([action, []]);
    const onObjects = statements.filter((statement) =>
      [statement.Action].flat().some((action) => action.startsWith('s3:')),
    );
    expect(JSON.stringify(onObjects)).not.toContain('s3:Delete');
    for (const { Resource } of onObjects) {
      for (const resource of [Resource].flat())
        expect(JSON.stringify(resource)).toContain('{"Ref":"ResultsBucketName"},"/*"');
    }
  });

  it('lets the machine use the key of an encrypted results bucket', () => {
    const encrypted = new Stack(new App({ context: FEATURE_FLAGS }), 'Encrypted');
    const arn = 'arn:aws:lambda:eu-west-1:111111111111:function:f';
    const functions = Object.fromEntries(
      FUNCTION_NAMES.map((name) => [name, LambdaFunction.fromFunctionArn(encrypted, name, arn)]),
    ) as Record<FunctionName, IFunction>;
    const results = Bucket.fromBucketAttributes(encrypted, 'Results', {
      bucketName: 'results',
      encryptionKey: new Key(encrypted, 'Key'),
    });
    new PipelineMachine(encrypted, 'Pipeline', { functions, results });
    expect(JSON.stringify(Template.fromStack(encrypted).findResources('AWS::IAM::Policy'))).toContain(
      'kms:Decrypt',
    );
  });

  it('lets the machine call its six functions and no others', () => {
    const resources = granted('lambda:InvokeFunction').flatMap((statement) => [statement.Resource].flat());
    const called = new Set(
      resources.map((resource) => /(\w+)FunctionArn/.exec(JSON.stringify(resource))?.[1]),
    );
    expect([...called].sort()).toEqual(['Audit', 'Intake', 'Plan', 'Publish', 'Report', 'Work']);
  });

  it('can be assumed by Step Functions only', () => {
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          { Principal: { Service: 'states.amazonaws.com' }, Effect: 'Allow', Action: 'sts:AssumeRole' },
        ],
      },
    });
    for (const statement of statements) expect(statement.Action).not.toBe('*');
    template.hasOutput('StateMachineArn', { Value: Match.anyValue() });
  });

  it('logs every event and traces', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
      TracingConfiguration: { Enabled: true },
    });
  });

  it('breaks no rule of AwsSolutions but the one on wildcards, and that within its own functions, bucket and executions', () => {
    const checked = new App({ context: FEATURE_FLAGS });
    new PipelineStack(checked, 'Partwise');
    Validations.of(checked).addPlugins(new AwsSolutionsChecks(checked));
    const found = [...reportOf(() => checked.synth()).matchAll(/Acknowledge with 'AwsSolutions::(.+)'/g)].map(
      (match) => match[1] ?? '',
    );
    const expected = [
      /^AwsSolutions-IAM5\[Resource::<\w+FunctionArn>:\*\]$/,
      /^AwsSolutions-IAM5\[Resource::arn:<AWS::Partition>:s3:::<ResultsBucketName>\/\*\]$/,
      /^AwsSolutions-IAM5\[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:.*PipelineStateMachine.*:\*\]$/,
      // Log delivery and tracing take no resource.
      /^AwsSolutions-IAM5\[Resource::\*\]$/,
    ];
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((id) => !expected.some((pattern) => pattern.test(id)))).toEqual([]);
  });
});

function reportOf(synthesise: () => unknown): string {
  try {
    synthesise();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return '';
}
