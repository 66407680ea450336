import { CfnOutput, Stack } from 'aws-cdk-lib';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

export interface RunEndsProps {
  readonly pipeline: string;
  readonly stateMachineArn: string;
}

/**
 * One topic of a pipeline: a line for each run's end, however it ended, and its alarms. Programs listen to the event
 * `partwise` / `Run Ended` on the default bus instead, which says what was published.
 */
export class RunEnds extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, { pipeline, stateMachineArn }: RunEndsProps) {
    super(scope, id);
    const topic = new Topic(this, 'Topic', { displayName: `Partwise ${pipeline}`, enforceSSL: true });
    // A policy of its own replaces the default one, which let the account's alarms publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    this.topic = topic;
    const name = EventField.fromPath('$.detail.name');
    const status = EventField.fromPath('$.detail.status');
    new Rule(this, 'Ended', {
      description: `Partwise ${pipeline}: tells the topic how each execution ended`,
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [stateMachineArn],
          status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
        },
      },
      targets: [
        new SnsTopic(topic, {
          message: RuleTargetInput.fromText(
            `Partwise ${pipeline}: execution ${name} ${status}. More: partwise runs --pipeline ${pipeline} --aws`,
          ),
        }),
      ],
    });
    new CfnOutput(this, 'TopicArn', { value: topic.topicArn });
  }
}
