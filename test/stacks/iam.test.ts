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
  readonly Condition?: unknown;
}
/** Statements by the role that holds them: a function's name, or the state machine. */
const roles = new Map<string, readonly Statement[]>();
for (const policy of Object.values(template.findResources('AWS::IAM::Policy'))) {
  const { Roles: holders, PolicyDocument: document } = policy['Properties'];
  const id: string = holders[0].Ref;
  const name =
    /^Functions(\w+?)role/.exec(id)?.[1] ??
    (id.startsWith('PipelineStateMachine') ? 'machine' : id.startsWith('SparkRole') ? 'spark' : id);
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

  it('is known for each of the eight functions, the job of Spark, the state machine and the schedule', () => {
    expect([...roles.keys()].filter((name) => !name.startsWith('SchedulerRole')).sort()).toEqual([
      'audit',
      'intake',
      'machine',
      'plan',
      'publish',
      'reap',
      'report',
      'spark',
      'trigger',
      'work',
    ]);
  });

  it('lets nobody do everything, and anything to everything only where the service knows no resource', () => {
    for (const [name, statements] of roles) {
      for (const { Action, Resource, Effect } of statements) {
        expect([name, [Action].flat().filter((action) => /^\*$|^\w+:\*$/.test(action))]).toEqual([name, []]);
        if (Effect !== 'Allow' || Resource !== '*') continue;
        const known = [Action]
          .flat()
          .filter((action) => !/^(xray|logs):|^cloudwatch:PutMetricData$/.test(action));
        expect([name, known]).toEqual([name, []]);
      }
    }
  });

  it('lets only the publisher, whoever finishes its work, and maintenance move a table', () => {
    expect(holders('glue:UpdateTable')).toEqual(['plan', 'publish', 'report']);
    expect(holders('glue:DeleteTable')).toEqual([]);
  });

  it('lets only maintenance delete a file of a table, the job of Spark its own ones of the run, and nobody a source file or a version', () => {
    expect(holders('s3:DeleteObject')).toEqual(['report', 'spark']);
    expect(resourcesOf('spark', 's3:DeleteObject').every((one) => one.includes('Results'))).toBe(true);
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

  it('lets the machine start, watch and stop runs of its own job, and nobody else', () => {
    for (const action of ['glue:StartJobRun', 'glue:GetJobRun', 'glue:BatchStopJobRun']) {
      expect([action, holders(action)]).toEqual([action, ['machine']]);
      for (const resource of resourcesOf('machine', action))
        expect(resource).toMatch(/:job\/partwise-everything"/);
    }
  });

  it('lets the job of Spark neither move a table nor know any state', () => {
    const services = new Set(actionsOf('spark').map((action) => action.split(':')[0]));
    expect([...services].sort()).toEqual(['cloudwatch', 'logs', 's3']);
    for (const resource of resourcesOf('spark', 's3:PutObject'))
      expect(resource).toMatch(/Warehouse.*\/risk\/\*|Results.*\/runs\/\*/);
  });

  it('names one table of state for everybody who has any', () => {
    for (const name of holders('dynamodb:PutItem'))
      expect(new Set(resourcesOf(name, 'dynamodb:PutItem')).size).toBe(1);
    expect(holders('dynamodb:Scan')).toEqual([]);
  });
});

/** The two policies for people. */
const people = new Map<string, readonly Statement[]>();
for (const [id, policy] of Object.entries(template.findResources('AWS::IAM::ManagedPolicy')))
  people.set(/^People(\w+?)[0-9A-F]{8}$/.exec(id)?.[1] ?? id, policy['Properties'].PolicyDocument.Statement);

describe('what people get', () => {
  const allowed = (name: string) => (people.get(name) ?? []).flatMap(({ Action }) => [Action].flat());

  it('is a policy for those who look and one more for those who start runs', () => {
    expect([...people.keys()].sort()).toEqual(['Operator', 'Reader']);
  });

  it('changes nothing in the hands of a reader', () => {
    const changing = allowed('Reader').filter((action) => !/:(Get|BatchGet|Query|List|Decrypt)/.test(action));
    expect(changing).toEqual([]);
  });

  it('lets nobody touch a table, or any state but what has arrived in this pipeline', () => {
    const all = [...allowed('Reader'), ...allowed('Operator')];
    expect(all.filter((action) => /^glue:(Create|Update|Delete)|^s3:Delete/.test(action))).toEqual([]);
    for (const { Action, Resource } of people.get('Operator') ?? [])
      if ([Action].flat().includes('s3:PutObject'))
        expect(JSON.stringify(Resource)).not.toMatch(/Warehouse|Results/);
    const [writing] = (people.get('Operator') ?? []).filter((one) =>
      [one.Action].flat().includes('dynamodb:PutItem'),
    );
    expect(writing?.Condition).toEqual({
      'ForAllValues:StringLike': {
        'dynamodb:LeadingKeys': ['intake#everything#*', 'pending#everything#*', 'claim#everything-*'],
      },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    });
  });

  it('is the use of the account’s own key too, when there is one', async () => {
    const keyed = testApp({ 'partwise:customerKey': 'true' });
    addStacks(keyed, [await loadSummary('test/config/everything.yaml')]);
    const made = Template.fromStack(keyed.node.findChild('Partwise-everything') as Stack);
    const actions = Object.values(made.findResources('AWS::IAM::ManagedPolicy')).map((policy) =>
      policy['Properties'].PolicyDocument.Statement.flatMap((one: Statement) => one.Action)
        .filter((action: string) => action.startsWith('kms:'))
        .join(),
    );
    expect(actions.sort()).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  it('fits into the policies that IAM takes', () => {
    for (const statements of people.values())
      expect(JSON.stringify({ Version: '2012-10-17', Statement: statements }).length).toBeLessThan(6_144);
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
    spark: 'the job that runs units by Spark, where the pipeline asks for it',
    machine: 'the state machine itself',
    schedule: 'EventBridge Scheduler, when there is a schedule',
  };
  const named = new Map(
    [...roles].map(([name, held]) => [name.startsWith('SchedulerRole') ? 'schedule' : name, held]),
  );
  const table = (statements: readonly Statement[]) => {
    const lines = statements.map((statement) => {
      const resources = [...new Set([statement.Resource].flat().map(readable))].sort();
      const keys = JSON.stringify(statement.Condition ?? '').match(/\w+#[\w#/*-]+/g) ?? [];
      const only = keys.length === 0 ? '' : `, items ${keys.map((key) => `\`${key}\``).join(' ')}`;
      return `| ${[statement.Action].flat().sort().join(', ')} | ${resources.join(', ')}${only} |`;
    });
    return `| actions | on |\n|---|---|\n${[...new Set(lines)].sort().join('\n')}`;
  };
  const sections = Object.entries(purposes).map(
    ([name, purpose]) => `## ${name}: ${purpose}\n\n${table(named.get(name) ?? [])}`,
  );
  const reasons = wildcards.map(({ reason }) => `- ${reason}`).join('\n');
  const page = [
    '# IAM reference',
    'What each role of a pipeline may do, made from the synthesised stack by a test (pipeline `everything`, prefix `drops/everything`, namespace `risk`). ' +
      'Nobody may delete a table, a source file or a version of an object. Deploying needs what `cdk bootstrap` sets up; running needs nothing else.',
    ...sections,
    `## Why some resources end in *\n\n${reasons}`,
    '## For people\n\nThe stack makes two policies, `ReaderPolicy` and `OperatorPolicy` among its outputs, to attach to roles or permission ' +
      'sets; whoever starts runs needs both. They are for the command line: the functions do the rest under roles of their own. A ' +
      'test runs every command against the stand-ins and finds no request that its policy would refuse.',
    '| commands with `--aws` | policies |\n|---|---|\n' +
      '| `runs`, `status`, `show`, `sql`, `diff`, `verify` | reader |\n' +
      '| `plan`, `run`, `resume`, `cancel` | reader and operator |\n' +
      '| `simulate` | none: it asks nothing |',
    `### Reader\n\n${table(people.get('Reader') ?? [])}`,
    `### Operator\n\n${table(people.get('Operator') ?? [])}`,
    'With a key of your own (`partwise:customerKey`) the reader may also `kms:Decrypt` and the operator `kms:GenerateDataKey` with it. ' +
      'Ids and keys begin with the name of the pipeline, so the policies of `accounts` also fit items of a pipeline `accounts-eu`; ' +
      'where that matters, name pipelines so that none begins with the name of another and a hyphen.',
    'Who only reads tables elsewhere needs `glue:GetTable`, `glue:GetDatabase` and `s3:GetObject` on the warehouse bucket. Who only drops ' +
      "files needs `s3:PutObject` on the pipeline's folders of the staging bucket and nothing else.",
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
  if (text.includes(':job/')) return 'its job of Spark';
  if (text.includes('cdk-hnb659fds-assets')) return 'the runner in the assets of the CDK';
  if (text.includes(':glue:'))
    return `catalog: ${/:(catalog|database\/\w+|table\/[\w/*]+)"/.exec(text)?.[1] ?? ''}`.replaceAll(
      '*',
      '\\*',
    );
  if (text.includes(':parameter')) return `parameter \`${/parameter(\/[\w/-]+)/.exec(text)?.[1] ?? ''}\``;
  if (text.includes(':execution:partwise-')) return 'its executions';
  if (text.includes('stateMachine:')) return 'its state machine';
  if (text.includes('event-bus')) return 'the default event bus';
  if (text.includes('DeadLetters')) return 'its dead-letter queue';
  if (text.includes('Queue')) return 'its queue';
  if (text.includes('PipelineStateMachine')) return 'executions of its own Maps';
  const called = /Functions([a-z]+)/.exec(text)?.[1];
  if (text.includes('-log') || text.includes('log')) return 'its log group';
  return called === undefined ? text : `function ${called}`;
}
