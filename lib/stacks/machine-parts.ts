import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  DistributedMap,
  type IChainable,
  JitterType,
  ProcessorMode,
  ProcessorType,
  ResultWriterV2,
  type RetryProps,
  S3JsonLItemReader,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';

/** What the states of the pipeline's machine are made of. */

/** Errors of the service, not of the function. */
export const TRANSIENT: RetryProps = {
  errors: [
    'Lambda.ClientExecutionTimeoutException',
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
  ],
  interval: Duration.seconds(2),
  maxAttempts: 6,
  backoffRate: 2,
  jitterStrategy: JitterType.FULL,
};
export const THROTTLED: RetryProps = {
  errors: ['Lambda.TooManyRequestsException'],
  interval: Duration.seconds(1),
  maxAttempts: 20,
  backoffRate: 2,
  maxDelay: Duration.seconds(60),
  jitterStrategy: JitterType.FULL,
};
/**
 * A unit whose time was up goes on where it stopped. Each attempt has done at least a piece, so the number of pieces ends
 * this; an execution's history holds several times as many events.
 */
const UNFINISHED: RetryProps = {
  errors: ['UnitUnfinishedError'],
  interval: Duration.seconds(1),
  maxAttempts: 2_000,
  backoffRate: 1,
  jitterStrategy: JitterType.FULL,
};

export type Fields = Readonly<Record<string, unknown>>;

export interface InvokeOptions {
  readonly assign?: Fields;
  readonly retry?: readonly RetryProps[];
}

export function invoke(
  scope: Construct,
  id: string,
  lambdaFunction: IFunction,
  payload: Fields | TaskInput,
  { assign, retry = [TRANSIENT, THROTTLED] }: InvokeOptions = {},
): LambdaInvoke {
  const task = LambdaInvoke.jsonata(scope, id, {
    lambdaFunction,
    payload: payload instanceof TaskInput ? payload : TaskInput.fromObject(payload),
    retryOnServiceExceptions: false,
    outputs: {},
    ...(assign === undefined ? {} : { assign }),
  });
  for (const one of retry) task.addRetry(one);
  return task;
}

export interface MapOptions {
  readonly results: IBucket;
  /** JSONata path of the `{key}` of the item list. */
  readonly items: string;
  /** What is done for an item, whose fields are its input, with the attempt added. */
  readonly child: IChainable;
  /** default: the execution's */
  readonly maxConcurrency?: number;
}

/**
 * One child execution per item. One failure ends the Map, what the siblings have checkpointed stays. Nobody reads the results:
 * checkpoints are the truth.
 */
export function mapOverItems(scope: Construct, id: string, options: MapOptions): DistributedMap {
  const { results, items, child, maxConcurrency } = options;
  const map = DistributedMap.jsonata(scope, id, {
    label: id,
    itemReader: new S3JsonLItemReader({ bucket: results, key: `{% ${items}.key %}` }),
    jsonataItemSelector: "{% $merge([$states.context.Map.Item.Value, {'attempt': $attempt}]) %}",
    ...(maxConcurrency === undefined ? { jsonataMaxConcurrency: '{% $concurrency %}' } : { maxConcurrency }),
    toleratedFailurePercentage: 0,
    resultWriterV2: new ResultWriterV2({ bucket: results, prefix: 'map-runs' }),
    outputs: {},
  });
  return map.itemProcessor(child, { mode: ProcessorMode.DISTRIBUTED, executionType: ProcessorType.STANDARD });
}

/** The item itself is the payload of `work`. */
export function workUnit(scope: Construct, id: string, work: IFunction): LambdaInvoke {
  const unit = invoke(scope, `${id}Unit`, work, TaskInput.fromText('{% $states.input %}'));
  unit.addRetry(UNFINISHED);
  return unit;
}
