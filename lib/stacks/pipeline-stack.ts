import { CfnOutput, CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import { type IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { FUNCTION_NAMES, type FunctionName, PipelineMachine } from './pipeline-machine.ts';

/** The state machine with its role, around functions and a results bucket that exist already: each is a parameter. */
export class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps = {}) {
    super(scope, id, props);
    const functions = Object.fromEntries(
      FUNCTION_NAMES.map((name) => [name, functionParameter(this, name)]),
    ) as Record<FunctionName, IFunction>;
    const bucketName = new CfnParameter(this, 'ResultsBucketName', {
      description: 'Bucket of run artefacts: plans, item lists, checkpoints, results of Map Runs',
    });
    const results = Bucket.fromBucketName(this, 'Results', bucketName.valueAsString);
    const { stateMachine } = new PipelineMachine(this, 'Pipeline', { functions, results });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}

function functionParameter(scope: Construct, name: FunctionName): IFunction {
  const parameter = new CfnParameter(scope, `${name[0]?.toUpperCase()}${name.slice(1)}FunctionArn`, {
    description: `ARN of the function that performs ${name}`,
    allowedPattern: 'arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:.+',
  });
  return LambdaFunction.fromFunctionAttributes(scope, `${name}Function`, {
    functionArn: parameter.valueAsString,
    sameEnvironment: true,
  });
}
