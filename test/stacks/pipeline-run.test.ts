import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type ExecutionResult,
  type Json,
  LAMBDA_INVOKE,
  type LambdaFunction,
  lambdaInvoke,
  loadStateMachine,
  type RedriveState,
  startExecution,
  type TaskHandler,
} from '../../lib/asl/index.ts';
import {
  CommitConflictError,
  IntegrityError,
  LeaseHeldError,
  PinnedSnapshotExpiredError,
} from '../../lib/errors.ts';
import { GLUE_RUN } from '../../lib/run/local/local-spark.ts';
import { type MachineFailure, raisedError } from '../../lib/run/raised-error.ts';
import { FUNCTION_NAMES } from '../../lib/stacks/pipeline-machine.ts';
import { memoryObjects, named, seededRandom, virtualTime } from '../asl/support.ts';

/** The pipeline's definition in the local interpreter, with functions that only remember what they were asked. */

const machine = loadStateMachine(
  JSON.parse(readFileSync(new URL('../../lib/asl/pipeline.asl.json', import.meta.url), 'utf8')),
  { substitutions: Object.fromEntries([...FUNCTION_NAMES, 'results', 'spark'].map((name) => [name, name])) },
);

type Payload = { readonly [field: string]: Json };
type Functions = Readonly<Record<string, (payload: Payload) => Promise<unknown>>>;

const item = (stage: string, unit: string): string =>
  `${JSON.stringify({ run: 'r1', stage, unit, specification: 'file:///r1/units', offset: 0, length: 9 })}\n`;
const buckets = {
  'results/r1/prepare': item('prepare', 'o1') + item('prepare', 'o2'),
  'results/r1/resolve': item('resolve', 'u1'),
  'results/r1/apply': item('apply', 'u2') + item('apply', 'u3'),
};
const at = (key: string) => ({ key: `r1/${key}` });
const stages = [
  { name: 'resolve', units: 1, items: at('resolve') },
  { name: 'apply', units: 2, items: at('apply') },
];

interface ExecuteOptions {
  readonly redriveFrom?: RedriveState;
  /** What a job run of Spark does. */
  readonly jobRun?: TaskHandler;
  /** Further objects. */
  readonly buckets?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** As the handler does it: what was recorded is raised, unless the execution was redriven since. */
async function raise(payload: Payload): Promise<unknown> {
  if (payload['action'] !== 'raise' || payload['redriven'] === true) return {};
  throw raisedError(payload['error'] as unknown as MachineFailure);
}

async function execute(
  overrides: Functions = {},
  input: Json = { pipeline: 'accounts' },
  options: ExecuteOptions = {},
) {
  const calls: [string, Payload][] = [];
  const answers: Functions = {
    intake: async () => ({ runId: 'r1', attempt: 1, objects: 2, items: at('prepare') }),
    plan: async () => ({ outcome: 'work', stages }),
    report: raise,
    ...overrides,
  };
  const functions = Object.fromEntries(
    FUNCTION_NAMES.map((name): [string, LambdaFunction] => [
      name,
      async (payload) => {
        calls.push([name, payload as Payload]);
        return (await answers[name]?.(payload as Payload)) ?? {};
      },
    ]),
  );
  const { jobRun = async () => ({}), buckets: more, ...others } = options;
  const objects = memoryObjects({ ...buckets, ...more });
  const time = virtualTime();
  const result: ExecutionResult = await startExecution({
    machine,
    name: 'accounts-1',
    input,
    tasks: { [LAMBDA_INVOKE]: lambdaInvoke(functions), [GLUE_RUN]: jobRun },
    objects,
    random: seededRandom(7),
    ...time,
    graceMs: 10,
    ...others,
  });
  const story = calls.map(([name, payload]) =>
    name === 'work'
      ? `${payload['finish'] === true ? 'finish' : 'work'} ${payload['unit']}`
      : payload['action'] === 'raise'
        ? 'raise'
        : name,
  );
  return {
    result,
    calls,
    story,
    time,
    objects,
    payloadsOf: (name: string) => calls.filter(([one]) => one === name).map(([, payload]) => payload),
  };
}

/** The interpreter's own name of the execution. */
const execution = 'arn:aws:states:local:000000000000:execution:StateMachine:accounts-1';
const whole = [
  'intake',
  'work o1',
  'work o2',
  'plan',
  'work u1',
  'work u2',
  'work u3',
  'audit',
  'publish',
  'report',
];

describe('the pipeline', () => {
  it('claims, prepares, plans, works stage by stage, audits, publishes and reports', async () => {
    const { result, story } = await execute();
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { runId: 'r1', attempt: 1 } });
    expect(story).toEqual(whole);
  });

  it('hands over ids and locations', async () => {
    const { payloadsOf } = await execute();
    const run = { runId: 'r1', attempt: 1 };
    expect(payloadsOf('intake')).toEqual([
      { action: 'claim', pipeline: 'accounts', mode: 'run', branch: 'main', execution },
    ]);
    expect(payloadsOf('plan')).toEqual([{ action: 'plan', ...run, replan: false, replans: 0 }]);
    expect(payloadsOf('work')[2]).toEqual({
      run: 'r1',
      stage: 'resolve',
      unit: 'u1',
      specification: 'file:///r1/units',
      offset: 0,
      length: 9,
      attempt: 1,
    });
    expect(payloadsOf('audit')).toEqual([{ action: 'audit', ...run }]);
    expect(payloadsOf('publish')).toEqual([{ action: 'publish', ...run }]);
    expect(payloadsOf('report')).toEqual([{ action: 'report', ...run, outcome: 'succeeded' }]);
  });

  it('passes on what the input says of run, branch, mode, event, first month, task and replanning', async () => {
    const said = {
      pipeline: 'accounts',
      runId: 'r1',
      branch: 'try',
      fromMonth: '2026-01',
      event: { id: 'e' },
      task: { kind: 'rebucket', buckets: 8 },
    };
    const input = { ...said, replan: true };
    const { payloadsOf } = await execute({}, input);
    expect(payloadsOf('intake')).toEqual([{ action: 'claim', mode: 'run', execution, ...said }]);
    expect(payloadsOf('plan')).toMatchObject([{ replan: true }]);
  });

  it('reports an empty run when nothing was claimed', async () => {
    const { story, payloadsOf } = await execute({
      intake: async () => ({ runId: 'r1', attempt: 1, objects: 0, items: at('prepare') }),
    });
    expect(story).toEqual(['intake', 'report']);
    expect(payloadsOf('report')).toMatchObject([{ outcome: 'empty' }]);
  });

  it('publishes nothing when no record is left to apply', async () => {
    const { story, payloadsOf } = await execute({ plan: async () => ({ outcome: 'nothing', stages: [] }) });
    expect(story).toEqual(['intake', 'work o1', 'work o2', 'plan', 'report']);
    expect(payloadsOf('report')).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('stops after the plan in plan mode', async () => {
    const { story, payloadsOf } = await execute({}, { pipeline: 'accounts', mode: 'plan' });
    expect(story).toEqual(['intake', 'work o1', 'work o2', 'plan', 'report']);
    expect(payloadsOf('report')).toMatchObject([{ outcome: 'planned' }]);
  });

  it('audits and publishes a plan without stages', async () => {
    const { story } = await execute({ plan: async () => ({ outcome: 'work', stages: [] }) });
    expect(story.slice(3)).toEqual(['plan', 'audit', 'publish', 'report']);
  });

  it('runs as many units at a time as the input says', async () => {
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    await execute({ work }, { pipeline: 'accounts', concurrency: 1 });
    expect(most).toBe(1);
  });
});

describe('a failure of the pipeline', () => {
  const failing =
    (error: Error): Functions[string] =>
    async () =>
      Promise.reject(error);

  it.each(['plan', 'audit', 'publish'])(
    'in %s is recorded with its name and cause, then fails the execution',
    async (name) => {
      const { result, payloadsOf, story } = await execute({
        [name]: failing(new IntegrityError('rows are missing', { next: 'partwise status r1' })),
      });
      expect(result).toMatchObject({ status: 'FAILED', error: 'IntegrityError' });
      expect(story.slice(-2)).toEqual(['report', 'raise']);
      const [report] = payloadsOf('report');
      expect(report).toMatchObject({
        runId: 'r1',
        attempt: 1,
        outcome: 'failed',
        error: { name: 'IntegrityError', cause: result.cause ?? '' },
      });
      expect(JSON.parse(result.cause ?? '')).toMatchObject({
        errorMessage: 'rows are missing',
        next: 'partwise status r1',
      });
    },
  );

  it.each([
    ['o1', 'prepare'],
    ['u3', 'apply'],
  ])('of unit %s leaves its siblings alone and names it', async (unit) => {
    const work = async (payload: Payload) => {
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      return payload['unit'] === unit ? Promise.reject(named('UnitTooLargeError', 'too large')) : {};
    };
    const { result, payloadsOf, story } = await execute({ work });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    expect(result.cause).toMatch(/UnitTooLargeError: too large"/);
    expect(story).toContain(unit === 'o1' ? 'work o2' : 'work u2');
    expect(payloadsOf('report')).toMatchObject([{ outcome: 'failed' }, { action: 'raise' }]);
  });

  it('in Intake fails at once: there is no run to record it in', async () => {
    const { result, story } = await execute({ intake: failing(named('ConfigError', 'no key')) });
    expect(result).toMatchObject({ status: 'FAILED', error: 'ConfigError' });
    expect(story).toEqual(['intake']);
  });

  it('in the recording does not hide the one that it is about', async () => {
    const { result } = await execute({
      audit: failing(new IntegrityError('x')),
      report: async (payload) =>
        payload['action'] === 'raise' ? raise(payload) : Promise.reject(named('Disk')),
    });
    expect(result.error).toBe('IntegrityError');
  });

  it('when an item list is gone is recorded too', async () => {
    const { result, payloadsOf } = await execute({
      plan: async () => ({ outcome: 'work', stages: [{ name: 's', units: 1, items: at('nowhere') }] }),
    });
    expect(result.error).toBe('States.ItemReaderFailed');
    expect(payloadsOf('report')[0]).toMatchObject({ error: { name: 'States.ItemReaderFailed' } });
  });
});

describe('a retry of the pipeline', () => {
  const failingTimes = (times: number, error: Error, answer: unknown = {}): Functions[string] => {
    let calls = 0;
    return async () => {
      calls += 1;
      return calls <= times ? Promise.reject(error) : answer;
    };
  };
  const claimed = { runId: 'r1', attempt: 1, objects: 2, items: at('prepare') };

  it('waits for a lease that another run holds', async () => {
    const { result, time } = await execute({
      intake: failingTimes(4, new LeaseHeldError('r0 is at work'), claimed),
    });
    expect(result.status).toBe('SUCCEEDED');
    expect(time.sleeps).toHaveLength(4);
  });

  it('gives a lease up in the end, by its name', async () => {
    const { result, time } = await execute({ intake: failingTimes(99, new LeaseHeldError('r0 is at work')) });
    expect(result).toMatchObject({ status: 'FAILED', error: 'LeaseHeldError' });
    expect(time.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(5 * 60_000);
  });

  it.each([
    'Lambda.ServiceException',
    'Lambda.TooManyRequestsException',
    'Lambda.SdkClientException',
    'Lambda.AWSLambdaException',
  ])('rides over %s in every task', async (name) => {
    const functions = Object.fromEntries(
      FUNCTION_NAMES.map((one) => [
        one,
        failingTimes(
          2,
          named(name),
          one === 'intake' ? claimed : one === 'plan' ? { outcome: 'work', stages } : {},
        ),
      ]),
    );
    expect((await execute(functions)).result.status).toBe('SUCCEEDED');
  });

  it.each([
    ['publish', new CommitConflictError('bucket 3')],
    ['audit', new PinnedSnapshotExpiredError('snapshot 7')],
    ['publish', new PinnedSnapshotExpiredError('snapshot 7')],
  ])('plans again when %s raises %s', async (name, error) => {
    const { result, story, payloadsOf } = await execute({ [name]: failingTimes(1, error) });
    expect(result.status).toBe('SUCCEEDED');
    expect(story.filter((one) => one === 'plan')).toHaveLength(2);
    expect(payloadsOf('plan')[1]).toMatchObject({ replan: true, replans: 1 });
    expect(story.slice(-6)).toEqual(['work u1', 'work u2', 'work u3', 'audit', 'publish', 'report']);
  });

  it('stops planning again after five times and records the conflict', async () => {
    const { result, payloadsOf } = await execute({
      publish: failingTimes(99, new CommitConflictError('bucket 3')),
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'CommitConflictError' });
    expect(payloadsOf('plan').map((payload) => payload['replans'])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(payloadsOf('report')[0]).toMatchObject({
      outcome: 'failed',
      error: { name: 'CommitConflictError' },
    });
  });
});

describe('a redrive of the pipeline', () => {
  const failingTimes = (times: number, error: Error): Functions[string] => {
    let calls = 0;
    return async () => {
      calls += 1;
      return calls <= times ? Promise.reject(error) : {};
    };
  };
  const claimed = async ({ runId }: Payload) => ({
    runId: 'r1',
    attempt: runId === undefined ? 1 : 2,
    objects: 2,
    items: at('prepare'),
  });
  const input = { pipeline: 'accounts', branch: 'try' };

  it.each(['plan', 'audit', 'publish', 'work'])(
    'takes the run up again that failed in %s, as its next attempt',
    async (name) => {
      const answer = name === 'plan' ? { outcome: 'work', stages } : {};
      let calls = 0;
      const functions: Functions = {
        intake: claimed,
        [name]: async () => {
          calls += 1;
          return calls === 1 ? Promise.reject(new IntegrityError('x')) : answer;
        },
      };
      const first = await execute(functions, input);
      const second = await execute(functions, input, redriveOf(first.result));
      expect(second.result).toMatchObject({ status: 'SUCCEEDED', output: { runId: 'r1', attempt: 2 } });
      expect(second.payloadsOf('intake')).toEqual([
        { action: 'claim', pipeline: 'accounts', runId: 'r1', execution },
      ]);
      expect(second.story).toEqual(['raise', ...whole]);
    },
  );

  it('that fails again records and raises what failed then, and can be redriven again', async () => {
    const functions: Functions = {
      intake: claimed,
      audit: failingTimes(1, new IntegrityError('x')),
      publish: failingTimes(1, named('Broken', 'b')),
    };
    const first = await execute(functions, input);
    const second = await execute(functions, input, redriveOf(first.result));
    expect(second.result).toMatchObject({ status: 'FAILED', error: 'Broken' });
    expect(second.payloadsOf('report')[1]).toMatchObject({
      outcome: 'failed',
      attempt: 2,
      error: { name: 'Broken' },
    });
    const third = await execute(functions, input, redriveOf(second.result));
    expect(third.result.status).toBe('SUCCEEDED');
  });

  it('starts over when there was no run yet', async () => {
    const first = await execute({ intake: async () => Promise.reject(named('ConfigError')) }, input);
    const second = await execute({}, input, redriveOf(first.result));
    expect(second.story).toEqual(whole);
  });

  it('records when the run cannot be taken up', async () => {
    const functions: Functions = {
      intake: async (payload) =>
        payload['runId'] === undefined ? claimed(payload) : Promise.reject(named('RunCancelledError')),
      audit: async () => Promise.reject(new IntegrityError('x')),
    };
    const first = await execute(functions, input);
    const second = await execute(functions, input, redriveOf(first.result));
    expect(second.result).toMatchObject({ status: 'FAILED', error: 'RunCancelledError' });
    expect(second.story).toEqual(['raise', 'intake', 'report', 'raise']);
  });
});

describe('a pipeline with Spark', () => {
  const sparkBuckets = {
    'results/r1/runs':
      '{"run":"r1","stage":"apply","attempt":1,"group":"g0","specifications":"s3://b/list","workerType":"G.2X","workers":7,"timeoutMinutes":42}\n',
    'results/r1/finish': item('apply', 'u3').replace('}', ',"finish":true,"group":"g0"}'),
  };
  /** The units of `apply` are compiled, `u3` is Spark's. */
  const plan = async (payload: Payload) => {
    if (payload['action'] === 'group')
      return payload['stage'] === 'apply'
        ? { runs: 1, items: at('runs'), finish: at('finish') }
        : { runs: 0 };
    return payload['action'] === 'plan' ? { outcome: 'work', stages, spark: true } : {};
  };

  it('runs Spark on what a stage has compiled, then the second halves, before the next stage', async () => {
    const asked: Json[] = [];
    const jobRun = async (task: Json) => {
      asked.push(task);
      return { Id: 'jr_1', JobRunState: 'SUCCEEDED' };
    };
    const { result, story, payloadsOf } = await execute({ plan }, undefined, {
      jobRun,
      buckets: sparkBuckets,
    });
    expect(result.status).toBe('SUCCEEDED');
    expect(story).toEqual([
      ...['intake', 'work o1', 'work o2', 'plan', 'work u1', 'plan'],
      ...['work u2', 'work u3', 'plan', 'finish u3', 'audit', 'publish', 'report'],
    ]);
    expect(asked).toEqual([
      {
        JobName: 'spark',
        Arguments: { '--specifications': 's3://b/list' },
        WorkerType: 'G.2X',
        NumberOfWorkers: 7,
        Timeout: 42,
      },
    ]);
    expect(payloadsOf('plan').slice(1)).toEqual([
      { action: 'group', runId: 'r1', attempt: 1, stage: 'resolve' },
      { action: 'group', runId: 'r1', attempt: 1, stage: 'apply' },
    ]);
  });

  it('makes a run of Spark known that failed, and lets the second halves say which units are not done', async () => {
    const cause = '{"Id":"jr_1","JobRunState":"FAILED","ErrorMessage":"no capacity"}';
    const jobRun = async () => Promise.reject(named('States.TaskFailed', cause));
    const work = async (payload: Payload) =>
      payload['finish'] === true ? Promise.reject(named('SparkUnitError', 'jr_1')) : {};
    const { result, payloadsOf } = await execute({ plan, work }, undefined, {
      jobRun,
      buckets: sparkBuckets,
    });
    expect(payloadsOf('plan').at(-1)).toEqual({
      action: 'spark-failed',
      runId: 'r1',
      attempt: 1,
      stage: 'apply',
      group: 'g0',
      error: { name: 'States.TaskFailed', cause },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    expect(result.cause).toMatch(/SparkUnitError/);
  });

  it('waits when too many job runs are at work, with the same list', async () => {
    let calls = 0;
    const jobRun = async () => {
      calls += 1;
      if (calls < 4) throw named('Glue.ConcurrentRunsExceededException');
      return {};
    };
    const { result, time } = await execute({ plan }, undefined, { jobRun, buckets: sparkBuckets });
    expect([result.status, calls, time.sleeps.length]).toEqual(['SUCCEEDED', 4, 3]);
  });

  it.each([
    'UnitTooLargeError',
    'Runtime.OutOfMemory',
    'Runtime.ExitError',
    'Sandbox.Timedout',
    'Lambda.Unknown',
  ])('has a unit compiled for Spark that failed by %s, and says why', async (name) => {
    const work = async (payload: Payload) =>
      payload['unit'] === 'u3' && payload['reroute'] === undefined && payload['finish'] !== true
        ? Promise.reject(named(name, 'too large'))
        : {};
    const { result, payloadsOf } = await execute({ plan, work }, undefined, { buckets: sparkBuckets });
    expect(result.status).toBe('SUCCEEDED');
    const [rerouted] = payloadsOf('work').filter((payload) => payload['reroute'] !== undefined);
    expect(rerouted).toMatchObject({ unit: 'u3', stage: 'apply', attempt: 1, offset: 0, reroute: { name } });
    expect(JSON.stringify(rerouted?.['reroute'])).toMatch(/too large/);
  });

  it('stops the job run when it is aborted', async () => {
    const control = new AbortController();
    let stopped = false;
    const jobRun: TaskHandler = async (_, { signal }) => {
      signal.addEventListener('abort', () => {
        stopped = true;
      });
      control.abort(new Error('by a person'));
      return new Promise(() => undefined);
    };
    const { result } = await execute({ plan }, undefined, {
      jobRun,
      buckets: sparkBuckets,
      signal: control.signal,
    });
    expect([result.status, stopped]).toEqual(['ABORTED', true]);
  });
});

/** As it comes back from a file. */
function redriveOf({ redrive }: ExecutionResult): ExecuteOptions {
  if (redrive === undefined) throw new Error('nothing to redrive');
  return { redriveFrom: JSON.parse(JSON.stringify(redrive)) };
}

describe('the state of the pipeline', () => {
  it('stays small however many stages and units there are', async () => {
    const { result } = await execute();
    const sizes = result.history.map((event) => JSON.stringify(event).length);
    expect(Math.max(...sizes)).toBeLessThan(4_000);
  });
});
