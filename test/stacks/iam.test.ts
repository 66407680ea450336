import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { addStacks } from '../../lib/stacks/partwise-app.ts';
import { wildcards } from '../../lib/stacks/wildcards.ts';
import { loadSummary } from '../support/pipelines.ts';
import { testApp } from './nag.ts';

const app = testApp();
addStacks(app, [await loadSummary('test/config/everything.yaml')]);
const template = Template.fromStack(app.node.findChild('Partwise-everything') as Stack);

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Effect: string;
}
/** Statements by the role that holds them: a function's name, or the state machine. */
const roles = new Map<string, readonly Statement[]>();
for (const policy of Object.values(template.findResources('AWS::IAM::Policy'))) {
  const { Roles: holders, PolicyDocument: document } = policy['Properties'];
  const id: string = holders[0].Ref;
  const name =
    /^Functions(\w+?)role/.exec(id)?.[1] ?? (id.startsWith('PipelineStateMachine') ? 'machine' : id);
  roles.set(name, [...(roles.get(name) ?? []), ...document.Statement]);
}
const actionsOf = (role: string) => [
  ...new Set((roles.get(role) ?? []).flatMap((statement) => [statement.Action].flat())),
];
const resourcesOf = (role: string, action: string) =>
  (roles.get(role) ?? [])
    .filter((statement) => [statement.Action].flat().includes(action))
    .flatMap((statement) => [statement.Resource].flat())
    .map((resource) => JSON.stringify(resource));
const holders = (action: string) =>
  [...roles.keys()].filter((role) => actionsOf(role).includes(action)).sort();

describe('who may do what', () => {
  it('lets the schedule send messages and nothing else', () => {
    const [schedule] = [...roles.keys()].filter((name) => name.startsWith('SchedulerRole'));
    const services = actionsOf(schedule ?? '').map((action) => action.split(':')[0]);
    expect(new Set(services)).toEqual(new Set(['sqs']));
  });

  it('is known for each of the eight functions, the state machine and the schedule', () => {
    expect([...roles.keys()].filter((name) => !name.startsWith('SchedulerRole')).sort()).toEqual([
      'audit',
      'intake',
      'machine',
      'plan',
      'publish',
      'reap',
      'report',
      'trigger',
      'work',
    ]);
  });

  it('lets nobody do everything, and anything to everything only where the service knows no resource', () => {
    for (const [name, statements] of roles) {
      for (const { Action, Resource, Effect } of statements) {
        expect([name, [Action].flat().filter((action) => /^\*$|^\w+:\*$/.test(action))]).toEqual([name, []]);
        if (Effect !== 'Allow' || Resource !== '*') continue;
        const known = [Action].flat().filter((action) => !/^(xray|logs):/.test(action));
        expect([name, known]).toEqual([name, []]);
      }
    }
  });

  it('lets only the publisher, whoever finishes its work, and maintenance move a table', () => {
    expect(holders('glue:UpdateTable')).toEqual(['plan', 'publish', 'report']);
    expect(holders('glue:DeleteTable')).toEqual([]);
  });

  it('lets only maintenance delete a file, and nobody a source file or a version', () => {
    expect(holders('s3:DeleteObject')).toEqual(['report']);
    expect(holders('s3:DeleteObjectVersion')).toEqual([]);
    expect(resourcesOf('report', 's3:DeleteObject').join()).not.toContain('Staging');
    for (const name of roles.keys())
      expect(resourcesOf(name, 's3:PutObject').join()).not.toContain('Staging');
  });

  it('lets only units and the trigger read source files, in the pipeline’s own folders', () => {
    const readers = [...roles.keys()].filter((name) =>
      resourcesOf(name, 's3:GetObject').some((resource) => resource.includes('Staging')),
    );
    expect(readers.sort()).toEqual(['trigger', 'work']);
    for (const resource of resourcesOf('work', 's3:GetObject').filter((one) => one.includes('Staging')))
      expect(resource).toMatch(/\/drops\/everything(-deletions)?\/\*/);
  });

  it('lets only the trigger and the sweep start a run, and only this pipeline’s', () => {
    const starters = holders('states:StartExecution').filter((name) => name !== 'machine');
    expect(starters).toEqual(['reap', 'trigger']);
    for (const name of starters)
      for (const resource of resourcesOf(name, 'states:StartExecution'))
        expect(resource).toContain(':stateMachine:partwise-everything');
  });

  it('lets the machine call the six functions of its tasks', () => {
    const called = resourcesOf('machine', 'lambda:InvokeFunction').map(
      (resource) => /Functions([a-z]+)/.exec(resource)?.[1],
    );
    expect([...new Set(called)].sort()).toEqual(['audit', 'intake', 'plan', 'publish', 'report', 'work']);
  });

  it('lets the machine run, watch, stop and redrive its Maps, read their items and write their results', () => {
    expect(actionsOf('machine')).toEqual(
      expect.arrayContaining([
        'states:StartExecution',
        'states:DescribeExecution',
        'states:StopExecution',
        'states:RedriveExecution',
        's3:GetObject',
        's3:PutObject',
      ]),
    );
    for (const action of ['s3:GetObject', 's3:PutObject'])
      for (const resource of resourcesOf('machine', action)) expect(resource).toContain('Results');
  });

  it('names one table of state for everybody who has any', () => {
    for (const name of holders('dynamodb:PutItem'))
      expect(new Set(resourcesOf(name, 'dynamodb:PutItem')).size).toBe(1);
    expect(holders('dynamodb:Scan')).toEqual([]);
  });
});

/** `npm test -- test/stacks/iam -u` writes the page anew. */
it('docs/aws/iam.md says what the roles hold', async () => {
  const purposes: Readonly<Record<string, string>> = {
    trigger: 'takes in events and starts runs',
    intake: 'claims files for a run',
    plan: 'plans from manifests and counts; moves a table that lags behind',
    work: 'does one unit',
    audit: 'checks what was written',
    publish: 'moves the tables',
    report: 'settles, maintains and announces',
    reap: 'sweeps every 15 minutes',
    machine: 'the state machine itself',
    schedule: 'EventBridge Scheduler, when there is a schedule',
  };
  const named = new Map(
    [...roles].map(([name, held]) => [name.startsWith('SchedulerRole') ? 'schedule' : name, held]),
  );
  const sections = Object.entries(purposes).map(([name, purpose]) => {
    const lines = (named.get(name) ?? []).map((statement) => {
      const resources = [...new Set([statement.Resource].flat().map(readable))].sort();
      return `| ${[statement.Action].flat().sort().join(', ')} | ${resources.join(', ')} |`;
    });
    return `## ${name}: ${purpose}\n\n| actions | on |\n|---|---|\n${[...new Set(lines)].sort().join('\n')}`;
  });
  const reasons = wildcards.map(({ reason }) => `- ${reason}`).join('\n');
  const page = [
    '# IAM reference',
    'What each role of a pipeline may do, made from the synthesised stack by a test (pipeline `everything`, prefix `drops/everything`, namespace `risk`). ' +
      'Nobody may delete a table, a source file or a version of an object. Deploying needs what `cdk bootstrap` sets up; running needs nothing else.',
    ...sections,
    `## Why some resources end in *\n\n${reasons}`,
    '## For people\n\nReaders need `glue:GetTable`, `glue:GetDatabase` and `s3:GetObject` on the warehouse bucket. Whoever drops files needs `s3:PutObject` ' +
      "on the pipeline's folders of the staging bucket and nothing else. Operators start, stop and redrive executions of `partwise-<pipeline>` in the console.",
  ].join('\n\n');
  await expect(`${page}\n`).toMatchFileSnapshot('../../docs/aws/iam.md');
});

/** A resource as people call it. */
function readable(resource: unknown): string {
  const text = JSON.stringify(resource);
  const bucket = /(Staging|Warehouse|Results|Inventories)Bucket/.exec(text)?.[1];
  const tail = /"(\/[^"]*)"\]\]\}$/.exec(text)?.[1] ?? '';
  if (bucket !== undefined) return `${bucket.toLowerCase()} bucket${tail}`.replaceAll('*', '\\*');
  if (text === '"*"') return 'everything (no resource to name)';
  if (text.includes('State') && text.includes('Table')) return 'state table';
  if (/ExportsOutput\w*State/.test(text)) return 'state table';
  if (text.includes(':glue:'))
    return `catalog: ${/:(catalog|database\/\w+|table\/[\w/*]+)"/.exec(text)?.[1] ?? ''}`.replaceAll(
      '*',
      '\\*',
    );
  if (text.includes('stateMachine:')) return 'its state machine';
  if (text.includes('event-bus')) return 'the default event bus';
  if (text.includes('DeadLetters')) return 'its dead-letter queue';
  if (text.includes('Queue')) return 'its queue';
  if (text.includes('PipelineStateMachine')) return 'executions of its own Maps';
  const called = /Functions([a-z]+)/.exec(text)?.[1];
  if (text.includes('-log') || text.includes('log')) return 'its log group';
  return called === undefined ? text : `function ${called}`;
}
