import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  type CatchProps,
  Choice,
  Condition,
  DefinitionBody,
  type IChainable,
  JitterType,
  LogLevel,
  Pass,
  QueryLanguage,
  type RetryProps,
  StateMachine,
  Succeed,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { invoke, mapOverItems, THROTTLED, TRANSIENT, workUnit } from './machine-parts.ts';
import { type SparkJob, sparkSteps, workOrCompile } from './spark-states.ts';

/** The functions behind the tasks, by the names that the checked-in definition uses for them. */
export const FUNCTION_NAMES = ['intake', 'plan', 'work', 'audit', 'publish', 'report'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

export interface PipelineMachineProps {
  readonly functions: Readonly<Record<FunctionName, IFunction>>;
  /** Run artefacts: item lists are read from it, the Maps' results are written to it. */
  readonly results: IBucket;
  /** Absent for pipelines that do not use Spark: their machine has none of its states. */
  readonly spark?: SparkJob;
}

/** Units at a time when the execution's input does not say; stays below an account's default Lambda limit. */
const DEFAULT_CONCURRENCY = 40;
/** How often a run plans again after another writer came first, before it gives up. */
const MAX_REPLANS = 5;

/** Another run of the pipeline is at work: wait for it, about two minutes on average. */
const LEASE_HELD: RetryProps = {
  errors: ['LeaseHeldError'],
  interval: Duration.seconds(1),
  maxAttempts: 12,
  backoffRate: 2,
  maxDelay: Duration.seconds(30),
  jitterStrategy: JitterType.FULL,
};
/** Few, since the error that is raised on purpose may have one of these names itself. */
const RAISING: RetryProps = {
  errors: [...(TRANSIENT.errors ?? []), ...(THROTTLED.errors ?? [])],
  interval: Duration.seconds(1),
  maxAttempts: 3,
  backoffRate: 2,
  jitterStrategy: JitterType.FULL,
};
/** The plan no longer fits the table: what was read has changed, or is gone. */
const REPLAN_ERRORS = ['CommitConflictError', 'PinnedSnapshotExpiredError'];

const FAILURE = {
  name: '{% $states.errorOutput.Error %}',
  cause: "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}",
  redrives: '{% $states.context.Execution.RedriveCount %}',
};
/** What the input does not hold is left out of the payload. */
const CLAIM = `{% {
  'action': 'claim',
  'pipeline': $states.input.pipeline,
  'mode': $exists($states.input.mode) ? $states.input.mode : 'run',
  'branch': $exists($states.input.branch) ? $states.input.branch : 'main',
  'until': $states.input.until,
  'flush': $states.input.flush,
  'runId': $states.input.runId,
  'event': $states.input.event,
  'fromMonth': $states.input.fromMonth,
  'task': $states.input.task,
  'execution': $states.context.Execution.Id
} %}`.replaceAll(/\s+/g, ' ');
/** The same run again: its next attempt, with the next epoch of the lease. */
const CLAIM_AGAIN = {
  action: 'claim',
  pipeline: '{% $states.context.Execution.Input.pipeline %}',
  runId: '{% $runId %}',
  execution: '{% $states.context.Execution.Id %}',
};
const CLAIMED = {
  runId: '{% $states.result.Payload.runId %}',
  attempt: '{% $states.result.Payload.attempt %}',
  objects: '{% $states.result.Payload.objects %}',
  due: '{% $exists($states.result.Payload.due) ? $states.result.Payload.due : $states.result.Payload.objects > 0 %}',
  objectItems: '{% $states.result.Payload.items %}',
  replan: '{% $exists($states.context.Execution.Input.replan) and $states.context.Execution.Input.replan %}',
  replans: 0,
};
const RUN = { runId: '{% $runId %}', attempt: '{% $attempt %}' };

/**
 * The one state machine of all workloads:
 *
 *     Intake -> Prepare (Map) -> Plan -> Work (Map, once per stage) -> Audit -> Publish -> Report
 *
 * Where the pipeline has Spark, a stage goes on with the units that Work has only compiled: see `sparkSteps`.
 *
 * Execution input: `{pipeline, mode?: 'run' | 'plan', runId?, branch?, fromMonth?, replan?, concurrency?, until?, flush?, task?}`. The
 * state carries ids and locations only. Every task and Map has a Catch that records the failure; what is needed to resume stays.
 *
 * A redrive runs the state again that was entered and not left, and nothing before it
 * (https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html). That is RaiseFailure, which raises
 * what was recorded unless the execution was redriven since; then it leads to the run's next attempt:
 *
 *     (any failure) -> RecordFailure -> RaiseFailure -> [redriven] Resume -> Prepare ...
 */
export class PipelineMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { functions, results, spark }: PipelineMachineProps) {
    super(scope, id);
    const states = defineStates(this, functions, results, spark);
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      definitionBody: DefinitionBody.fromChainable(states),
      queryLanguage: QueryLanguage.JSONATA,
      comment: 'Partwise: intake, prepare, plan, work, audit, publish, report',
      tracingEnabled: true,
      // Without execution data: payloads are ids and locations, which the history keeps anyway.
      logs: {
        destination: new LogGroup(this, 'Log', { retention: RetentionDays.THREE_MONTHS }),
        level: LogLevel.ALL,
        includeExecutionData: false,
      },
    });
    // Reading item lists and writing results is granted by the Maps themselves; an encrypted bucket needs its key too.
    results.encryptionKey?.grantEncryptDecrypt(this.stateMachine);
  }
}

function defineStates(
  scope: Construct,
  functions: PipelineMachineProps['functions'],
  results: IBucket,
  spark: SparkJob | undefined,
): IChainable {
  const onFailure: CatchProps = { errors: ['States.ALL'], assign: { failure: FAILURE }, outputs: {} };
  const recordFailure = invoke(scope, 'RecordFailure', functions.report, {
    action: 'report',
    ...RUN,
    outcome: 'failed',
    error: '{% $failure %}',
  });
  const raiseFailure = invoke(
    scope,
    'RaiseFailure',
    functions.report,
    {
      action: 'raise',
      ...RUN,
      error: '{% $failure %}',
      redriven: '{% $states.context.Execution.RedriveCount > $failure.redrives %}',
    },
    { retry: [RAISING] },
  );
  const resume = invoke(scope, 'Resume', functions.intake, CLAIM_AGAIN, { assign: CLAIMED });
  resume.addRetry(LEASE_HELD);
  // A failure that cannot be recorded must not hide the one that it is about.
  recordFailure.addCatch(raiseFailure, { errors: ['States.ALL'], outputs: {} });
  recordFailure.next(raiseFailure).next(resume);

  // Without a Catch: there is no run yet to record the failure in, and a redrive starts with Intake again.
  const intake = invoke(scope, 'Intake', functions.intake, TaskInput.fromText(CLAIM), {
    assign: {
      ...CLAIMED,
      planOnly: "{% $exists($states.input.mode) and $states.input.mode = 'plan' %}",
      concurrency: `{% $exists($states.input.concurrency) ? $states.input.concurrency : ${DEFAULT_CONCURRENCY} %}`,
    },
  });
  intake.addRetry(LEASE_HELD);

  const prepare = mapOverItems(scope, 'Prepare', {
    results,
    items: '$objectItems',
    child: workUnit(scope, 'Prepare', functions.work),
  });
  const plan = invoke(
    scope,
    'Plan',
    functions.plan,
    { action: 'plan', ...RUN, replan: '{% $replan %}', replans: '{% $replans %}' },
    {
      assign: {
        outcome: '{% $states.result.Payload.outcome %}',
        stages: '{% $states.result.Payload.stages %}',
        ...(spark === undefined ? {} : { spark: '{% $states.result.Payload.spark = true %}' }),
        index: 0,
      },
    },
  );
  const work = mapOverItems(scope, 'Work', {
    results,
    items: '$stages[$index].items',
    child:
      spark === undefined ? workUnit(scope, 'Work', functions.work) : workOrCompile(scope, functions.work),
  });
  const nextStage = Pass.jsonata(scope, 'NextStage', { assign: { index: '{% $index + 1 %}' }, outputs: {} });
  const audit = invoke(scope, 'Audit', functions.audit, { action: 'audit', ...RUN });
  const publish = invoke(scope, 'Publish', functions.publish, { action: 'publish', ...RUN });
  publish.addRetry(LEASE_HELD);
  const replan = Pass.jsonata(scope, 'Replan', {
    assign: { replan: true, replans: '{% $replans + 1 %}' },
    outputs: {},
  });

  const done = Succeed.jsonata(scope, 'Done', { outputs: RUN });
  const report = invoke(scope, 'Report', functions.report, {
    action: 'report',
    ...RUN,
    outcome: 'succeeded',
  });
  const reportEmpty = invoke(scope, 'ReportEmpty', functions.report, {
    action: 'report',
    ...RUN,
    outcome: 'empty',
  });
  const reportPlanned = invoke(scope, 'ReportPlanned', functions.report, {
    action: 'report',
    ...RUN,
    outcome: 'planned',
  });

  const mayReplan = Choice.jsonata(scope, 'MayReplan')
    .when(Condition.jsonata(`{% $replans < ${MAX_REPLANS} %}`), replan)
    .otherwise(recordFailure);
  const onStale: CatchProps = { errors: REPLAN_ERRORS, assign: { failure: FAILURE }, outputs: {} };
  for (const state of [audit, publish]) state.addCatch(mayReplan, onStale);
  for (const state of [resume, prepare, plan, work, audit, publish, report, reportEmpty, reportPlanned]) {
    state.addCatch(recordFailure, onFailure);
  }

  const isStageLeft = Choice.jsonata(scope, 'IsStageLeft')
    .when(Condition.jsonata('{% $index < $count($stages) %}'), work)
    .otherwise(audit);
  const isPlanToApply = Choice.jsonata(scope, 'IsPlanToApply')
    .when(Condition.jsonata('{% $planOnly %}'), reportPlanned)
    .when(Condition.jsonata("{% $outcome = 'nothing' %}"), report)
    .otherwise(isStageLeft);
  const isAnythingClaimed = Choice.jsonata(scope, 'IsAnythingClaimed')
    .when(Condition.jsonata('{% $not($due) %}'), reportEmpty)
    .when(Condition.jsonata('{% $objects = 0 %}'), plan)
    .otherwise(prepare);

  for (const state of [intake, resume]) state.next(isAnythingClaimed);
  prepare.next(plan);
  plan.next(isPlanToApply);
  nextStage.next(isStageLeft);
  if (spark === undefined) work.next(nextStage);
  else {
    const steps = sparkSteps(scope, { functions, results, spark, next: nextStage });
    for (const state of steps.failing) state.addCatch(recordFailure, onFailure);
    work.next(steps.first);
  }
  audit.next(publish);
  publish.next(report);
  replan.next(plan);
  for (const state of [report, reportEmpty, reportPlanned]) state.next(done);
  return intake;
}
