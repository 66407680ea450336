import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { FEATURE_FLAGS } from './feature-flags.ts';
import { FUNCTION_NAMES, type FunctionName, PipelineMachine } from './pipeline-machine.ts';

const ENVIRONMENT = { account: '000000000000', region: 'us-east-1' } as const;
const BUCKET = 'the-results-bucket';
const JOB = 'the-spark-job';
/** Runs of Spark at a time where the definition is run as it is checked in. */
const SPARK_CONCURRENCY = 4;

/**
 * The synthesised definition as text, with what differs between deployments as `${name}`: the functions' ARNs, the
 * results bucket and the job of Spark. @param spark whether the pipeline has Spark; the checked-in definition has
 */
export function synthesiseDefinition({ spark = true } = {}): string {
  const app = new App({ context: FEATURE_FLAGS });
  const stack = new Stack(app, 'Definition', { env: ENVIRONMENT });
  const functions = Object.fromEntries(
    FUNCTION_NAMES.map((name) => [name, LambdaFunction.fromFunctionArn(stack, name, arnOf(name))]),
  ) as Record<FunctionName, ReturnType<typeof LambdaFunction.fromFunctionArn>>;
  new PipelineMachine(stack, 'Pipeline', {
    functions,
    results: Bucket.fromBucketName(stack, 'Results', BUCKET),
    ...(spark ? { spark: { jobName: JOB, concurrency: SPARK_CONCURRENCY } } : {}),
  });
  const [machine] = Object.values(
    Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'),
  );
  let text = flatten(machine?.['Properties']?.['DefinitionString']);
  for (const name of FUNCTION_NAMES) text = text.replaceAll(JSON.stringify(arnOf(name)), `"\${${name}}"`);
  text = text.replaceAll(JSON.stringify(BUCKET), `"\${results}"`);
  text = text.replaceAll(JSON.stringify(JOB), `"\${spark}"`);
  return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
}

function arnOf(name: FunctionName): string {
  return `arn:aws:lambda:${ENVIRONMENT.region}:${ENVIRONMENT.account}:function:${name}`;
}

/** Text of a string property: `Fn::Join` of text and of the partition. */
function flatten(value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join, Ref: reference } = value as {
    'Fn::Join'?: readonly [string, readonly unknown[]];
    Ref?: string;
  };
  if (join !== undefined) return join[1].map(flatten).join(join[0]);
  if (reference === 'AWS::Partition') return 'aws';
  throw new TypeError(
    `the definition holds ${JSON.stringify(value)}, which has no value outside of a deployment`,
  );
}
