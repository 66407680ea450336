import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  Choice,
  Condition,
  type DistributedMap,
  type IChainable,
  IntegrationPattern,
  JitterType,
  QueryLanguage,
  type RetryProps,
  type State,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { GlueStartJobRun, type LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { invoke, mapOverItems, workUnit } from './machine-parts.ts';

/** The states of a stage's units for Spark. */

/** The job that runs `glue/runner.py`. */
export interface SparkJob {
  readonly jobName: string;
  /** Runs of it at a time. */
  readonly concurrency: number;
}

/**
 * A unit that is too large for its function: the function says so itself, or is killed for its memory or its time. What Lambda
 * calls these depends on the runtime
 * (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
 */
const TOO_LARGE = [
  'UnitTooLargeError',
  'Runtime.OutOfMemory',
  'Runtime.ExitError',
  'Sandbox.Timedout',
  'Lambda.Unknown',
  'States.Timeout',
];

/** The job run was not begun, and may be later: too many at once, no capacity, the service's own trouble. */
const NOT_BEGUN: RetryProps = {
  errors: [
    'Glue.ConcurrentRunsExceededException',
    'Glue.ResourceNumberLimitExceededException',
    'Glue.ThrottlingException',
    'Glue.InternalServiceException',
    'Glue.OperationTimeoutException',
    'Glue.AWSGlueException',
    'Glue.SdkClientException',
  ],
  interval: Duration.seconds(15),
  maxAttempts: 12,
  backoffRate: 2,
  maxDelay: Duration.seconds(300),
  jitterStrategy: JitterType.FULL,
};

/** Works a unit; one that turns out too large is compiled for Spark, where it can be. */
export function workOrCompile(scope: Construct, work: IFunction): IChainable {
  const unit = workUnit(scope, 'Work', work);
  const compile = invoke(
    scope,
    'RerouteUnit',
    work,
    TaskInput.fromText(
      "{% $merge([$states.input.item, {'reroute': {'name': $states.input.name, 'cause': $states.input.cause}}]) %}",
    ),
  );
  unit.addCatch(compile, {
    errors: TOO_LARGE,
    outputs: {
      item: '{% $states.input %}',
      name: '{% $states.errorOutput.Error %}',
      cause: "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}",
    },
  });
  return unit;
}

interface SparkStepsOptions {
  readonly functions: { readonly plan: IFunction; readonly work: IFunction };
  readonly results: IBucket;
  readonly spark: SparkJob;
  /** The state after the stage. */
  readonly next: IChainable;
}

interface SparkSteps {
  readonly first: IChainable;
  /** States whose failure is the run's. */
  readonly failing: readonly (LambdaInvoke | DistributedMap)[];
}

/**
 * What follows the Map over a stage's units:
 *
 *     UsesSpark -> GroupForSpark -> AnyForSpark -> Spark (Map over job runs) -> Finish (Map over second halves) -> next
 *
 * A job run that fails is noted and does not end the Map: the units that it has done are finished, and the others then fail by
 * the job run's id.
 */
export function sparkSteps(scope: Construct, options: SparkStepsOptions): SparkSteps {
  const { functions, results, spark, next } = options;
  const group = invoke(
    scope,
    'GroupForSpark',
    functions.plan,
    {
      action: 'group',
      runId: '{% $runId %}',
      attempt: '{% $attempt %}',
      stage: '{% $stages[$index].name %}',
    },
    { assign: { sparkRuns: '{% $states.result.Payload %}' } },
  );
  const runs = mapOverItems(scope, 'Spark', {
    results,
    items: '$sparkRuns.items',
    child: jobRun(scope, functions.plan, spark),
    maxConcurrency: spark.concurrency,
  });
  const finish = mapOverItems(scope, 'Finish', {
    results,
    items: '$sparkRuns.finish',
    child: workUnit(scope, 'Finish', functions.work),
  });
  const isAny = Choice.jsonata(scope, 'AnyForSpark')
    .when(Condition.jsonata('{% $sparkRuns.runs > 0 %}'), runs)
    .otherwise(next as State);
  const uses = Choice.jsonata(scope, 'UsesSpark')
    .when(Condition.jsonata('{% $spark %}'), group)
    .otherwise(next as State);
  group.next(isAny);
  runs.next(finish).next(next);
  return { first: uses, failing: [group, runs, finish] };
}

/** Starts a job run and waits for its end; stopping the execution stops it. */
function jobRun(scope: Construct, plan: IFunction, { jobName }: SparkJob): IChainable {
  const run = new RunSpark(scope, 'SparkRun', {
    queryLanguage: QueryLanguage.JSONATA,
    glueJobName: jobName,
    integrationPattern: IntegrationPattern.RUN_JOB,
    arguments: TaskInput.fromObject({ '--specifications': '{% $states.input.specifications %}' }),
    outputs: {},
  });
  run.addRetry(NOT_BEGUN);
  const failed = invoke(scope, 'SparkRunFailed', plan, {
    action: 'spark-failed',
    runId: '{% $states.input.item.run %}',
    attempt: '{% $states.input.item.attempt %}',
    stage: '{% $states.input.item.stage %}',
    group: '{% $states.input.item.group %}',
    error: { name: '{% $states.input.name %}', cause: '{% $states.input.cause %}' },
  });
  run.addCatch(failed, {
    errors: ['States.ALL'],
    outputs: {
      item: '{% $states.input %}',
      name: '{% $states.errorOutput.Error %}',
      cause: "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}",
    },
  });
  return run;
}

/**
 * Each run has workers and minutes of its own, which the construct knows as constants only; and it asks for
 * `NotificationProperty: null`, which the service refuses.
 * https://docs.aws.amazon.com/glue/latest/webapi/API_StartJobRun.html
 */
class RunSpark extends GlueStartJobRun {
  override toStateJson(queryLanguage?: QueryLanguage): object {
    const state = super.toStateJson(queryLanguage) as {
      readonly Arguments: Readonly<Record<string, unknown>>;
    };
    const { NotificationProperty: _, ...rest } = state.Arguments;
    const own = {
      WorkerType: '{% $states.input.workerType %}',
      NumberOfWorkers: '{% $states.input.workers %}',
      Timeout: '{% $states.input.timeoutMinutes %}',
    };
    return { ...state, Arguments: { ...rest, ...own } };
  }
}
