import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { SummaryConfig } from '../../lib/config/schema.ts';
import { addStacks } from '../../lib/stacks/partwise-app.ts';
import { loadSummary } from '../support/pipelines.ts';
import { nagFindings, testApp } from './nag.ts';

const everything = await loadSummary('test/config/everything.yaml');
const stackOf = (config: SummaryConfig) => {
  const app = testApp();
  addStacks(app, [config]);
  return Template.fromStack(app.node.findChild('Partwise-everything') as Stack);
};
const template = stackOf(everything);
const { glue: _, ...withoutGlue } = everything.aws;
const withWork = (work: Partial<SummaryConfig['work']>) => ({
  ...everything,
  work: { ...everything.work, ...work },
});

/** The definition of the state machine as text; what is only known after a deployment is left out. */
function definitionOf(from: Template): string {
  const [machine] = Object.values(from.findResources('AWS::StepFunctions::StateMachine'));
  const joined: readonly unknown[] = machine?.['Properties'].DefinitionString['Fn::Join'][1];
  return joined.map((part) => (typeof part === 'string' ? part : '')).join('');
}

describe('the job of Spark', () => {
  it('is what the pipeline says: workers, time, runs at a time; Glue retries nothing and keeps no bookmarks', () => {
    template.hasResourceProperties('AWS::Glue::Job', {
      Name: 'partwise-everything',
      GlueVersion: '5.0',
      Command: { Name: 'glueetl', PythonVersion: '3' },
      WorkerType: 'G.2X',
      NumberOfWorkers: 20,
      Timeout: 120,
      MaxRetries: 0,
      ExecutionProperty: { MaxConcurrentRuns: 3 },
      DefaultArguments: {
        '--datalake-formats': 'iceberg',
        '--job-bookmark-option': 'job-bookmark-disable',
        '--enable-auto-scaling': 'true',
        '--custom-logGroup-prefix': '/partwise/everything/spark',
      },
    });
    for (const kind of ['output', 'error'])
      template.hasResourceProperties('AWS::Logs::LogGroup', {
        LogGroupName: `/partwise/everything/spark/${kind}`,
        RetentionInDays: 30,
      });
  });

  it('is started by the machine for a list of units, with workers and time for them, waited for, and stopped with the execution', () => {
    const text = definitionOf(template);
    expect(text).toContain('states:::glue:startJobRun.sync');
    expect(text).toContain('"JobName":"partwise-everything"');
    expect(text).toContain('"--specifications":"{% $states.input.specifications %}"');
    for (const [name, value] of Object.entries({
      WorkerType: 'workerType',
      NumberOfWorkers: 'workers',
      Timeout: 'timeoutMinutes',
    }))
      expect(text).toContain(`"${name}":"{% $states.input.${value} %}"`);
    // Null is not a value that the service takes.
    expect(text).not.toContain('NotificationProperty');
  });

  it('has as many runs at a time as the Map over them begins', () => {
    expect(definitionOf(template)).toContain('"MaxConcurrency":3');
  });

  it.each([
    ['asked for', withWork({ engine: 'spark', sparkAbove: undefined }), 1],
    ['asked for above a size', { ...withWork({ engine: 'auto' }), aws: withoutGlue }, 1],
    ['described', withWork({ engine: 'auto', sparkAbove: undefined }), 1],
    ['not asked for', { ...withWork({ engine: 'auto', sparkAbove: undefined }), aws: withoutGlue }, 0],
    ['ruled out', withWork({ engine: 'duckdb' }), 0],
  ])('is there where Spark is %s', (_, config, count) => {
    const made = stackOf(config);
    made.resourceCountIs('AWS::Glue::Job', count);
    const environments = Object.values(made.findResources('AWS::Lambda::Function')).map(
      (one) => one['Properties'].Environment.Variables['PARTWISE_SPARK'],
    );
    expect(new Set(environments)).toEqual(new Set([count === 1 ? 'glue' : undefined]));
    if (count === 0) expect(definitionOf(made)).not.toMatch(/glue|spark/i);
  });

  it('breaks no rule of AwsSolutions but the ones on wildcards and on what it does not keep', () => {
    const app = testApp();
    addStacks(app, [everything]);
    expect(nagFindings(app).filter((finding) => !finding.startsWith('AwsSolutions-IAM5'))).toEqual([]);
  });
});
