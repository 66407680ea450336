import type { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { loadPipeline } from '../../lib/config/index.ts';
import { addStacks } from '../../lib/stacks/partwise-app.ts';
import { testApp } from './nag.ts';

const app = testApp();
addStacks(app, [await loadPipeline('pipelines/metrics.yaml')]);
const template = Template.fromStack(app.node.findChild('Partwise-metrics') as Stack);

test('a pipeline in batches is looked at once a batch', () => {
  template.hasResourceProperties('AWS::Scheduler::Schedule', {
    ScheduleExpression: 'rate(60 minutes)',
    Target: Match.objectLike({ Input: Match.serializedJson(Match.objectLike({ pipeline: 'metrics' })) }),
  });
});

test('work and publish drop records of the committer, and nothing of the table', () => {
  const dropping = Object.values(template.findResources('AWS::IAM::Policy')).flatMap((policy) => {
    const { Roles: roles, PolicyDocument: document } = policy['Properties'];
    const statements: readonly { Action: string | readonly string[]; Resource: unknown }[] =
      document.Statement;
    return statements
      .filter(({ Action }) => [Action].flat().includes('s3:DeleteObject'))
      .map(
        ({ Resource }) => [/Functions(\w+?)role/.exec(roles[0].Ref)?.[1], JSON.stringify(Resource)] as const,
      );
  });
  for (const name of ['work', 'publish']) {
    const own = dropping.filter(([role]) => role === name).map(([, resource]) => resource);
    expect(own).toHaveLength(1);
    expect(own[0]).toContain('partwise/metrics_rollups_state/*');
    expect(own[0]).toContain('partwise/metrics_rollups_dead_letters/*');
    expect(own[0]).not.toContain('"/partwise/*"');
  }
});
