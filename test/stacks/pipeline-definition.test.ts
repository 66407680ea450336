import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadStateMachine } from '../../lib/asl/index.ts';
import * as errors from '../../lib/errors.ts';
import { GLUE_RUN } from '../../lib/run/local/local-spark.ts';
import { FUNCTION_NAMES } from '../../lib/stacks/pipeline-machine.ts';
import { synthesiseDefinition } from '../../lib/stacks/synthesise-definition.ts';

const text = readFileSync(new URL('../../lib/asl/pipeline.asl.json', import.meta.url), 'utf8');

interface State {
  readonly Type: string;
  readonly Catch?: readonly { readonly ErrorEquals: readonly string[]; readonly Next: string }[];
  readonly Retry?: readonly { readonly ErrorEquals: readonly string[]; readonly JitterStrategy?: string }[];
  readonly ItemProcessor?: { readonly States: Readonly<Record<string, State>> };
  readonly [field: string]: unknown;
}
const states: Readonly<Record<string, State>> = JSON.parse(text).States;
const all = Object.entries(states).flatMap(([name, state]) => [
  [name, state] as const,
  ...Object.entries(state.ItemProcessor?.States ?? {}),
]);
const ofType = (...types: readonly string[]) => all.filter(([, state]) => types.includes(state.Type));
const maps = ofType('Map');
const bucket = `\${results}`;

describe('the checked-in definition', () => {
  it('is what the stack synthesises; npm run synth writes it', () => {
    expect(synthesiseDefinition()).toBe(text);
  });

  it('is loaded by the local interpreter once functions and bucket are bound', () => {
    const substitutions = Object.fromEntries(
      [...FUNCTION_NAMES, 'results', 'spark'].map((name) => [name, name]),
    );
    const machine = loadStateMachine(JSON.parse(text), { substitutions });
    expect([...machine.resources]).toEqual(['arn:aws:states:::lambda:invoke', GLUE_RUN]);
  });

  it('has, for a pipeline without Spark, none of its states, and a stage is one Map and one step', () => {
    const without: { readonly States: Readonly<Record<string, State>> } = JSON.parse(
      synthesiseDefinition({ spark: false }),
    );
    const names = Object.keys(without.States);
    const added = ['UsesSpark', 'GroupForSpark', 'AnyForSpark', 'Spark', 'Finish'];
    expect(
      Object.keys(states)
        .filter((name) => !names.includes(name))
        .sort(),
    ).toEqual(added.sort());
    expect(without.States['Work']?.['Next']).toBe('NextStage');
    expect(Object.keys(without.States['Work']?.ItemProcessor?.States ?? {})).toEqual(['WorkUnit']);
    expect(JSON.stringify(without)).not.toMatch(/spark|glue/i);
  });

  it('names nothing of a deployment', () => {
    expect(text).not.toMatch(/\d{12}|us-east-1|the-results-bucket|AWS::/);
  });

  it('stays far below the size that the service accepts', () => {
    expect(text.length).toBeLessThan(200_000);
  });
});

describe('its tasks and Maps', () => {
  const steps = Object.entries(states).filter(([, state]) => state.Type === 'Task' || state.Type === 'Map');

  it('all have a Catch for every error, units apart: their Map has it; only those fail that a redrive can run again', () => {
    const failing = steps.filter(([, state]) => state.Catch === undefined).map(([name]) => name);
    // No run exists before Intake; RaiseFailure leads back to the run when it is redriven.
    expect(failing).toEqual(['Intake', 'RaiseFailure']);
    for (const [name, state] of steps) {
      if (failing.includes(name)) continue;
      expect([name, state.Catch?.at(-1)?.ErrorEquals]).toEqual([name, ['States.ALL']]);
    }
  });

  it('never reach a Fail state, which a redrive would only enter again', () => {
    expect(ofType('Fail')).toEqual([]);
  });

  it('record a failure before it is raised', () => {
    const direct = steps
      .filter(([, state]) => state.Catch?.at(-1)?.Next === 'RaiseFailure')
      .map(([name]) => name);
    // A failure of the recording itself must not loop.
    expect(direct).toEqual(['RecordFailure']);
  });

  it('retry the errors of the service, with jitter', () => {
    for (const [name, state] of ofType('Task')) {
      expect(state.Retry?.every((retrier) => retrier.JitterStrategy === 'FULL')).toBe(true);
      if (state['Resource'] === GLUE_RUN) continue;
      const retried = state.Retry?.flatMap((retrier) => retrier.ErrorEquals) ?? [];
      expect([name, retried]).toEqual([
        name,
        expect.arrayContaining([
          'Lambda.ServiceException',
          'Lambda.TooManyRequestsException',
          'Lambda.SdkClientException',
          'Lambda.AWSLambdaException',
        ]),
      ]);
    }
  });

  it('wait for a job run that could not begin yet, and begin none that ended a second time', () => {
    const runs = ofType('Task').filter(([, state]) => state['Resource'] === GLUE_RUN);
    expect(runs.map(([name]) => name)).toEqual(['SparkRun']);
    const retried = runs.flatMap(([, state]) => state.Retry?.flatMap((retrier) => retrier.ErrorEquals));
    expect(retried).toContain('Glue.ConcurrentRunsExceededException');
    expect(retried.filter((name) => name?.startsWith('States.'))).toEqual([]);
    expect(runs[0]?.[1]['Arguments']).toEqual({
      JobName: `\${spark}`,
      Arguments: { '--specifications': '{% $states.input.specifications %}' },
      WorkerType: '{% $states.input.workerType %}',
      NumberOfWorkers: '{% $states.input.workers %}',
      Timeout: '{% $states.input.timeoutMinutes %}',
    });
  });

  it('name errors only that the project defines or the service raises', () => {
    const defined = new Set(Object.keys(errors));
    const named = all.flatMap(([, state]) =>
      [...(state.Retry ?? []), ...(state.Catch ?? [])].flatMap((entry) => entry.ErrorEquals),
    );
    const unknown = named.filter(
      (name) => !defined.has(name) && !/^(States|Lambda|Glue|Runtime|Sandbox)\./.test(name),
    );
    expect(unknown).toEqual([]);
    expect(named).toEqual(
      expect.arrayContaining(['LeaseHeldError', 'CommitConflictError', 'PinnedSnapshotExpiredError']),
    );
  });

  it('have names of at most 80 characters and payloads of ids and locations only', () => {
    for (const [name, state] of ofType('Task')) {
      expect(name.length).toBeLessThanOrEqual(80);
      expect(JSON.stringify(state['Arguments']).length).toBeLessThan(600);
    }
  });
});

describe('its Maps', () => {
  it('are distributed, with standard children, items as JSON lines, results written, no failure tolerated, no batches', () => {
    expect(maps.map(([name]) => name).sort()).toEqual(['Finish', 'Prepare', 'Spark', 'Work']);
    for (const [name, map] of maps) {
      expect(map).toMatchObject({
        ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } },
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          ReaderConfig: { InputType: 'JSONL' },
          Arguments: { Bucket: bucket },
        },
        ResultWriter: { Resource: 'arn:aws:states:::s3:putObject', Arguments: { Bucket: bucket } },
        // Runs of Spark at a time are the job's affair, not the units'.
        MaxConcurrency: name === 'Spark' ? 4 : '{% $concurrency %}',
        Output: {},
      });
      expect(Object.keys(map)).not.toEqual(expect.arrayContaining(['ItemBatcher']));
      expect(map['ToleratedFailureCount'] ?? map['ToleratedFailurePercentage'] ?? 0).toBe(0);
    }
  });

  it('call a unit again that has handed over, at once and often, after the errors of the service', () => {
    for (const [name, map] of maps) {
      const children = Object.values(map.ItemProcessor?.States ?? {});
      if (name !== 'Spark')
        expect([name, children[0]?.Retry?.at(-1)]).toEqual([
          name,
          {
            ErrorEquals: ['UnitUnfinishedError'],
            IntervalSeconds: 1,
            MaxAttempts: 2_000,
            BackoffRate: 1,
            JitterStrategy: 'FULL',
          },
        ]);
      expect(children.flatMap((child) => child.Retry ?? []).flatMap((one) => one.ErrorEquals)).not.toContain(
        'UnitTooLargeError',
      );
    }
  });

  it('have children that give nothing back', () => {
    for (const [, map] of maps) {
      const children = Object.values(map.ItemProcessor?.States ?? {});
      expect(children.map((child) => child['Output'])).toEqual(children.map(() => ({})));
    }
  });
});

describe('error names', () => {
  const classes = Object.values(errors).filter(
    (value): value is typeof errors.PartwiseError => typeof value === 'function',
  );

  it.each(classes.map((one) => [one.name, one] as const))(
    '%s is what an instance is called',
    (name, Class) => {
      expect(new Class('message').name).toBe(name);
    },
  );

  it.each(classes.map((one) => one.name))('%s can stand in ErrorEquals', (name) => {
    const definition = {
      QueryLanguage: 'JSONata',
      StartAt: 'T',
      States: {
        T: {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Catch: [{ ErrorEquals: [name], Next: 'S' }],
          Next: 'S',
        },
        S: { Type: 'Succeed' },
      },
    };
    expect(() => loadStateMachine(definition)).not.toThrow();
  });
});
