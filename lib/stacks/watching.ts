import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { type PipelineConfig, parseDurationMs } from '../config/index.ts';
import type { PipelineFunctions } from './pipeline-functions.ts';

export interface WatchingProps {
  readonly config: PipelineConfig;
  readonly functions: PipelineFunctions;
  readonly stateMachine: StateMachine;
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly topic: ITopic;
}

const fiveMinutes = Duration.minutes(5);
const sweepEvery = Duration.minutes(15);

/** Alarms that say what to do and one dashboard, made for every pipeline without being asked for. */
export class Watching extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, props: WatchingProps) {
    super(scope, id);
    const { config, functions, stateMachine, queue, deadLetters } = props;
    const { alarms: limits } = config.aws;
    const late = lateAfter(config);
    const own = (metricName: string) =>
      new Metric({
        namespace: 'Partwise',
        metricName,
        dimensionsMap: { service: `partwise-${config.pipeline}` },
        statistic: Stats.MAXIMUM,
        period: sweepEvery,
      });
    const failed = sumOf('failed', {
      failed: stateMachine.metricFailed({ period: fiveMinutes }),
      timedOut: stateMachine.metricTimedOut({ period: fiveMinutes }),
      aborted: stateMachine.metricAborted({ period: fiveMinutes }),
    });
    const throttles = sumOf(
      'throttles',
      Object.fromEntries(
        Object.entries(functions.byName).map(([name, one]) => [
          name,
          one.metricThrottles({ period: fiveMinutes }),
        ]),
      ),
    );
    const gbSeconds = new MathExpression({
      label: 'GB-seconds',
      period: Duration.days(1),
      expression: Object.entries(functions.memoryMiB)
        .map(([name, mebibytes]) => `(${name} / 1000) * ${mebibytes / 1024}`)
        .join(' + '),
      usingMetrics: Object.fromEntries(
        Object.entries(functions.byName).map(([name, one]) => [
          name,
          one.metricDuration({ statistic: Stats.SUM, period: Duration.days(1) }),
        ]),
      ),
    });
    const triggerErrors = sumOf('errors', {
      trigger: functions.byName.trigger.metricErrors({ period: fiveMinutes }),
      reap: functions.byName.reap.metricErrors({ period: fiveMinutes }),
    });
    const pendingAge = own('OldestPendingAge');
    const runAge = own('OldestRunAge');
    const dead = deadLetters.metricApproximateNumberOfMessagesVisible({ period: fiveMinutes });

    const alarm = (name: string, metric: IMetric, threshold: number, description: string, periods = 1) => {
      const made = new Alarm(this, name, {
        metric,
        threshold,
        evaluationPeriods: periods,
        comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
        alarmDescription: `Partwise ${config.pipeline}: ${description} See docs/aws/operations.md.`,
      });
      made.addAlarmAction(new SnsAction(props.topic));
      return made;
    };
    this.alarms = [
      alarm(
        'Failed',
        failed,
        0,
        'a run failed, timed out or was aborted; its files stay claimed until it is resumed or cancelled.',
      ),
      alarm('Late', runAge, parseDurationMs(late) / 1000, `a run has taken longer than ${late}.`),
      alarm(
        'PendingAge',
        pendingAge,
        parseDurationMs(limits.pendingLongerThan) / 1000,
        `a file has waited longer than ${limits.pendingLongerThan}.`,
      ),
      alarm(
        'DeadLetters',
        dead,
        0,
        'an event could not be taken in; nothing is lost, redrive the queue after mending the cause.',
      ),
      alarm('TriggerErrors', triggerErrors, 0, 'the trigger or the sweep failed.', 3),
      alarm(
        'Throttles',
        throttles,
        0,
        'functions are throttled; aws.concurrency is too high for the account.',
        3,
      ),
      alarm(
        'Cost',
        gbSeconds,
        limits.dailyGbSeconds,
        `more than ${limits.dailyGbSeconds} GB-seconds in a day.`,
      ),
    ];
    const graph = (title: string, ...left: IMetric[]) => new GraphWidget({ title, left, width: 8 });
    new Dashboard(this, 'Dashboard', {
      dashboardName: `partwise-${config.pipeline}`,
      widgets: [
        [
          graph('Runs', stateMachine.metricStarted(), stateMachine.metricSucceeded(), failed),
          graph('Time of a run', stateMachine.metricTime()),
          graph('Age in seconds: oldest file that waits, oldest run', pendingAge, runAge),
        ],
        [
          graph(
            'Units: calls and errors',
            functions.byName.work.metricInvocations(),
            functions.byName.work.metricErrors(),
          ),
          graph(
            'Units: time',
            functions.byName.work.metricDuration(),
            functions.byName.work.metricDuration({ statistic: Stats.p(99) }),
          ),
          graph('Throttles', throttles),
        ],
        [
          graph('Events that wait, and dead letters', queue.metricApproximateNumberOfMessagesVisible(), dead),
          graph('Rows applied', own('RowsApplied').with({ statistic: Stats.SUM })),
          graph('GB-seconds in a day', gbSeconds),
        ],
      ],
    });
  }
}

function sumOf(label: string, metrics: Readonly<Record<string, IMetric>>): MathExpression {
  return new MathExpression({
    label,
    period: fiveMinutes,
    expression: Object.keys(metrics).join(' + '),
    usingMetrics: { ...metrics },
  });
}

/** The sooner of the alarm's own time and the run's deadline. */
function lateAfter({ aws, work }: PipelineConfig): string {
  const { runLongerThan } = aws.alarms;
  const deadline = 'deadline' in work ? work.deadline : undefined;
  if (deadline === undefined) return runLongerThan;
  return parseDurationMs(deadline) < parseDurationMs(runLongerThan) ? deadline : runLongerThan;
}
