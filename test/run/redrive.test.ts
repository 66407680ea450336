import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import {
  type ExecutionResult,
  type Json,
  LAMBDA_INVOKE,
  lambdaInvoke,
  type RedriveState,
  startExecution,
} from '../../lib/asl/index.ts';
import type { SummaryConfig } from '../../lib/config/schema.ts';
import { IntegrityError, UnitTooLargeError } from '../../lib/errors.ts';
import { handlers } from '../../lib/run/handlers.ts';
import { intakeFiles } from '../../lib/run/intake/intake.ts';
import { cancelRun, resumeRun } from '../../lib/run/local/local.ts';
import { objectAccess } from '../../lib/run/local/local-objects.ts';
import { pipelineMachine } from '../../lib/run/pipeline-definition.ts';
import type { Workload } from '../../lib/run/workload.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import { noSpark } from '../support/no-spark.ts';
import { parseSummary } from '../support/pipelines.ts';
import { type Fixture, openFixture, smallPipeline } from './fixture.ts';

/** The execution as the console would redrive it: nothing but what the state machine keeps. */

interface Bench extends AsyncDisposable {
  readonly fixture: Fixture;
  /** Units that were worked. */
  readonly worked: string[];
  /** What fails next. */
  failAt: 'work' | 'audit' | 'publish' | undefined;
  /** What a unit fails with. */
  failure: Error;
  execute(redriveFrom?: RedriveState): Promise<ExecutionResult>;
  newestRun(): Promise<NonNullable<Awaited<ReturnType<Fixture['world']['state']['runs']['get']>>>>;
}

async function openBench(): Promise<Bench> {
  const fixture = await openFixture();
  const { world } = fixture;
  const config = await parseSummary(`${smallPipeline}tables: {buckets: 4}\n`, 'four.yaml');
  const folder = `${world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    `${folder}/a.csv`,
    `account_id,month,base_ts,balance,soft_delete\n${Array.from({ length: 20 }, (_, key) => `${key},2026-01,2026-02-01 00:00:00,5,`).join('\n')}\n`,
  );
  await intakeFiles({ world, config, stagingPath: world.stagingPath, branch: 'main', again: false });
  const failing: Workload<SummaryConfig> = {
    ...summaryWorkload,
    work: async (...args) => {
      if (bench.failAt === 'work' && bench.worked.length === 2) throw bench.failure;
      bench.worked.push(args[2].unit);
      return summaryWorkload.work(...args);
    },
    audit: async (...args) => {
      if (bench.failAt === 'audit') throw new IntegrityError('rows are missing');
      return summaryWorkload.audit(...args);
    },
    publish: async (...args) => {
      if (bench.failAt === 'publish') throw new IntegrityError('no pointer');
      return summaryWorkload.publish(...args);
    },
  };
  const functions = handlers({
    world,
    pipeline: async () => config,
    workloadOf: () => failing,
    signal: new AbortController().signal,
  });
  const bench: Bench = {
    fixture,
    worked: [],
    failAt: undefined,
    failure: new UnitTooLargeError('too large'),
    execute: async (redriveFrom) =>
      startExecution({
        machine: await pipelineMachine(),
        name: 'accounts-1',
        input: { pipeline: 'accounts', concurrency: 1 },
        tasks: {
          ...noSpark,
          [LAMBDA_INVOKE]: lambdaInvoke(
            Object.fromEntries(
              Object.entries(functions).map(([name, handler]) => [
                name,
                (payload: Json) => handler(payload as never),
              ]),
            ),
          ),
        },
        objects: objectAccess({ results: world.results }),
        ...(redriveFrom === undefined ? {} : { redriveFrom }),
      }),
    newestRun: async () => {
      const [run] = await world.state.runs.list('accounts', 1);
      if (run === undefined) throw new Error('there is no run');
      return run;
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
  return bench;
}

function kept(result: ExecutionResult): RedriveState {
  if (result.redrive === undefined) throw new Error('nothing to redrive');
  return JSON.parse(JSON.stringify(result.redrive));
}

for (const step of ['work', 'audit', 'publish'] as const) {
  it(`of an execution that failed in ${step} ends the run, and no unit that stood is worked again`, async () => {
    await using bench = await openBench();
    const { world } = bench.fixture;
    bench.failAt = step;
    const first = await bench.execute();
    expect(first.status).toBe('FAILED');
    const failed = await bench.newestRun();
    expect(failed).toMatchObject({ status: 'failed', attempt: 1 });
    expect(failed.error?.message).toMatch(/too large|rows are missing|no pointer/);
    const before = [...bench.worked];
    bench.failAt = undefined;

    const second = await bench.execute(kept(first));
    expect(second).toMatchObject({ status: 'SUCCEEDED', output: { runId: failed.runId, attempt: 2 } });
    expect(await bench.newestRun()).toMatchObject({
      runId: failed.runId,
      status: 'succeeded',
      attempt: 2,
      epoch: failed.epoch + 1,
      error: undefined,
    });
    expect(before).toHaveLength(step === 'work' ? 2 : 4);
    expect(bench.worked.slice(0, before.length)).toEqual(before);
    expect(new Set(bench.worked).size).toBe(4);
    expect(bench.worked).toHaveLength(4);
    expect(await world.state.leases.current('pipeline/accounts')).toBeUndefined();
  });
}

it('that fails again records the new error under the same run', async () => {
  await using bench = await openBench();
  bench.failAt = 'audit';
  const first = await bench.execute();
  bench.failAt = 'publish';
  const second = await bench.execute(kept(first));
  expect(second).toMatchObject({ status: 'FAILED', error: 'IntegrityError' });
  expect(await bench.newestRun()).toMatchObject({
    status: 'failed',
    attempt: 2,
    error: { message: 'no pointer' },
  });
  bench.failAt = undefined;
  expect((await bench.execute(kept(second))).status).toBe('SUCCEEDED');
  expect(await bench.newestRun()).toMatchObject({ status: 'succeeded', attempt: 3 });
});

it('that fails again in the same unit records what failed then', async () => {
  await using bench = await openBench();
  bench.failAt = 'work';
  bench.failure = new UnitTooLargeError('too large');
  const first = await bench.execute();
  expect((await bench.newestRun()).error?.message).toMatch(/: too large$/);
  bench.failure = new IntegrityError('one row became two');
  await bench.execute(kept(first));
  expect((await bench.newestRun()).error).toMatchObject({
    name: 'IntegrityError',
    message: expect.stringMatching(/: one row became two$/),
  });
});

it('leaves a run alone that was resumed and has succeeded meanwhile', async () => {
  await using bench = await openBench();
  const { world, config } = bench.fixture;
  bench.failAt = 'audit';
  const first = await bench.execute();
  const { runId } = await bench.newestRun();
  await resumeRun({ world, config, runId });
  const done = await bench.newestRun();
  expect(done.status).toBe('succeeded');
  const second = await bench.execute(kept(first));
  expect(second).toMatchObject({ status: 'SUCCEEDED', output: { runId } });
  expect(await bench.newestRun()).toEqual(done);
});

it('is refused for a run that was cancelled meanwhile, which stays cancelled', async () => {
  await using bench = await openBench();
  bench.failAt = 'audit';
  const first = await bench.execute();
  const { runId } = await bench.newestRun();
  await cancelRun({ world: bench.fixture.world, runId });
  expect(await bench.execute(kept(first))).toMatchObject({ status: 'FAILED', error: 'RunCancelledError' });
  expect(await bench.newestRun()).toMatchObject({ status: 'cancelled', attempt: 1 });
});
