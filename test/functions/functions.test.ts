import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { holdLease } from '../../functions/runtime/lease.ts';
import {
  anyEvent,
  intakePayload,
  planPayload,
  reportPayload,
  runPayload,
  workPayload,
} from '../../functions/runtime/payloads.ts';
import {
  type Json,
  LAMBDA_INVOKE,
  lambdaInvoke,
  loadStateMachine,
  startExecution,
} from '../../lib/asl/index.ts';
import { currentSpec, loadTable } from '../../lib/iceberg/index.ts';
import { objectAccess } from '../../lib/run/local/local-objects.ts';
import { noSpark } from '../support/no-spark.ts';
import { call, functionNames, openSite, recorded } from './site.ts';

const definition = JSON.parse(readFileSync('lib/asl/pipeline.asl.json', 'utf8'));
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );

type Site = Awaited<ReturnType<typeof openSite>>;

/** The execution that the trigger asked for, with the functions behind its tasks. */
function execute({ started, opened }: Site, called = call) {
  return startExecution({
    machine: loadStateMachine(definition, {
      substitutions: Object.fromEntries([...functionNames, 'results', 'spark'].map((name) => [name, name])),
    }),
    name: started.at(-1)?.name ?? '',
    input: started.at(-1)?.input as Json,
    tasks: {
      ...noSpark,
      [LAMBDA_INVOKE]: lambdaInvoke(
        Object.fromEntries(functionNames.map((name) => [name, (payload: Json) => called(name, payload)])),
      ),
    },
    objects: objectAccess({ results: opened.world.results }),
    signal: new AbortController().signal,
  });
}

/** The site with an execution of the task as the newest one. */
function given(site: Site, task: Readonly<Record<string, unknown>>): Site {
  return { ...site, started: [{ name: 'task', input: { pipeline: 'accounts', task } }] };
}

describe('from an event to a published table', () => {
  it('the functions themselves, behind the real state machine, take in, apply and announce', async () => {
    const site = await openSite();
    const { world } = site.opened;
    await mkdir(`${site.root}/staging/accounts/region=AT`, { recursive: true });
    const header = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';
    const row = (account: number, month: string, balance: number) =>
      `${account},${month},2025-11-0${account} 00:00:00,1,card,${balance},\n`;
    await writeFile(
      `${site.root}/staging/accounts/2025-10.parquet`.replace('.parquet', '.csv'),
      header + row(1, '2025-10', 100) + row(2, '2025-10', 200),
    );
    await writeFile(
      `${site.root}/staging/accounts/region=AT/corrections 2025+2024.csv`,
      header + row(1, '2025-09', 90),
    );
    const batch = JSON.stringify(await recorded('s3-object-created')).replace(
      '2025-10.parquet',
      '2025-10.csv',
    );
    const { Records: records }: { Records: unknown[] } = JSON.parse(batch);
    await call('trigger', { Records: records.slice(0, 2) });
    expect(site.started).toEqual([]);
    site.clock.nowMs += 6 * 60_000;
    await call('trigger', await recorded('wake'));
    expect(site.started).toHaveLength(1);

    const result = await execute(site);
    expect([result.status, result.error, result.cause]).toEqual(['SUCCEEDED', undefined, undefined]);
    expect(site.ended).toEqual([
      expect.objectContaining({
        pipeline: 'accounts',
        status: 'succeeded',
        input: expect.objectContaining({ rowsAccepted: 3, files: 2 }),
        published: expect.arrayContaining([expect.objectContaining({ table: 'partwise.accounts_summary' })]),
      }),
    ]);
    expect(await world.catalog.list()).toHaveLength(2);
    expect(await world.state.leases.current('pipeline/accounts')).toBeUndefined();
    // Told of again, the same files change nothing.
    await call('trigger', { Records: records.slice(0, 2) });
    site.clock.nowMs += 60 * 60_000;
    expect(await call('reap', await recorded('sweep'))).toMatchObject({
      pending: 0,
      start: { kind: 'nothing' },
    });

    // An execution whose input names a task does that instead of taking files in.
    const rebucketed = await execute(given(site, { kind: 'rebucket', buckets: 3 }));
    expect([rebucketed.status, rebucketed.error, rebucketed.cause]).toEqual([
      'SUCCEEDED',
      undefined,
      undefined,
    ]);
    const [run] = await world.state.runs.list('accounts', 1);
    expect(run).toMatchObject({ status: 'succeeded', facts: { rewrite: { to: 3, rows: 5 } } });
    const table = await loadTable({
      store: world.warehouse,
      catalog: world.catalog,
      identifier: { namespace: 'partwise', name: 'accounts_summary' },
    });
    expect(currentSpec(table).fields.at(-1)?.transform).toBe('bucket[3]');
  });

  it('an execution that is to do a task that nobody knows fails by name and leaves no run behind', async () => {
    const site = await openSite();
    const refused = await execute(given(site, { kind: 'shred' }));
    expect([refused.status, refused.error]).toEqual(['FAILED', 'UsageError']);
    expect(await site.opened.world.state.runs.list('accounts')).toEqual([]);
  });

  it('a run that fails says so by name everywhere, keeps its files and lets go of the lease', async () => {
    const site = await openSite();
    const { world } = site.opened;
    await mkdir(`${site.root}/staging/accounts`, { recursive: true });
    const bad = '1,not a month,2025-11-01 00:00:00,1,card,1,\n'.repeat(2_000);
    await writeFile(
      `${site.root}/staging/accounts/bad.csv`,
      `acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n${bad}`,
    );
    await call('trigger', await recorded('schedule'));
    const result = await execute(site);
    expect([result.status, result.error]).toEqual(['FAILED', 'ErrorBudgetExceededError']);
    const [run] = await world.state.runs.list('accounts');
    expect(run).toMatchObject({ status: 'failed', error: { name: 'ErrorBudgetExceededError' } });
    expect(site.ended).toEqual([
      expect.objectContaining({
        status: 'failed',
        error: expect.objectContaining({ name: 'ErrorBudgetExceededError' }),
      }),
    ]);
    expect(await world.state.leases.current('pipeline/accounts')).toBeUndefined();
    for await (const item of world.state.intake.list('accounts')) expect(item.status).toBe('claimed');
    // Its end starts nothing: the same would fail again.
    site.started.length = 0;
    await call('trigger', await recorded('execution-failed'));
    expect(site.started).toEqual([]);
  });
});

describe('a unit that its function has no time for', () => {
  const months = ['2025-04', '2025-05', '2025-06', '2025-07', '2025-08', '2025-09'];
  const rows = (at: readonly string[], loaded: string) =>
    at
      .flatMap((month) => [1, 2].map((key) => `${key},${month},${loaded} 00:00:00,1,card,${key}0,\n`))
      .join('');
  const header = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';

  it('hands over between two files, is called again and goes on', async () => {
    const site = await openSite();
    const { world, config } = site.opened;
    Object.assign(config, { work: { ...config.work, strategy: 'partitionwise', rewrite: 'copy-on-write' } });
    const folder = `${site.root}/staging/accounts`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/months.csv`, header + rows(months, '2025-10-01'));
    await call('trigger', await recorded('schedule'));
    expect(await execute(site)).toMatchObject({ status: 'SUCCEEDED' });
    site.clock.nowMs += 60 * 60_000;
    await writeFile(`${folder}/late.csv`, header + rows(['2025-03', ...months], '2025-11-01'));
    await call('trigger', await recorded('schedule'));

    let pieces = 0;
    const pieceMs = 300_000;
    Object.assign(world, {
      step: async (name: string) => {
        if (name !== 'piece:apply') return;
        pieces += 1;
        site.clock.nowMs += pieceMs;
      },
    });
    const ends: string[] = [];
    const result = await execute(site, async (name, payload) => {
      if (name !== 'work') return call(name, payload);
      const endMs = site.clock.nowMs + 900_000;
      const call_ = call(name, payload, () => endMs - site.clock.nowMs);
      ends.push((await failure(call_))?.name ?? String(Reflect.get(payload as object, 'stage')));
      return call_;
    });
    expect([result.status, result.error, result.cause]).toEqual(['SUCCEEDED', undefined, undefined]);
    // Two pieces of five minutes and the time to stop fit fifteen minutes.
    expect(ends).toEqual(['prepare', 'resolve', 'UnitUnfinishedError', 'UnitUnfinishedError', 'apply']);
    expect(pieces).toBe(months.length);
    expect(site.ended.at(-1)).toMatchObject({ status: 'succeeded', input: { rowsAccepted: 14 } });
  });
});

describe('a payload', () => {
  const tasks = { plan: 'Plan', audit: 'Audit', publish: 'Publish', report: 'RecordFailure' } as const;

  it.each(Object.entries(tasks))('recorded for %s is what the state machine sends', async (name, state) => {
    const sent = Object.keys(definition.States[state].Arguments.Payload);
    expect(Object.keys(await recorded(`task-${name}`)).sort()).toEqual(sent.sort());
  });

  it('recorded for a unit and for the intake passes its check', async () => {
    expect(workPayload.safeParse(await recorded('task-work')).success).toBe(true);
    expect(intakePayload.safeParse(await recorded('task-intake')).success).toBe(true);
    for (const [schema, file] of [
      [planPayload, 'task-plan'],
      [runPayload, 'task-audit'],
      [runPayload, 'task-publish'],
      [reportPayload, 'task-report'],
      [anyEvent, 'sweep'],
    ] as const)
      expect([file, schema.safeParse(await recorded(file)).success]).toEqual([file, true]);
  });

  it.each(functionNames.filter((name) => name !== 'reap'))(
    'of another shape is refused by %s by name',
    async (name) => {
      await openSite();
      for (const event of [{}, { runId: '../../etc', attempt: 1 }, { Records: [] }, 'text'])
        expect((await failure(call(name, event)))?.name).toBe('MalformedEventError');
    },
  );

  it('for another pipeline claims nothing', async () => {
    const { opened } = await openSite();
    const refused = await failure(call('intake', { ...(await recorded('task-intake')), pipeline: 'loans' }));
    expect(refused?.name).toBe('MalformedEventError');
    expect(await opened.world.state.runs.list()).toEqual([]);
  });
});

describe('an error', () => {
  it('keeps the name that the state machine retries on', async () => {
    const { opened } = await openSite();
    await opened.world.state.leases.acquire('pipeline/accounts', 'somebody-else', 60_000);
    const refused = await failure(call('intake', await recorded('task-intake')));
    const retried = definition.States.Intake.Retry.flatMap(
      (one: { ErrorEquals: string[] }) => one.ErrorEquals,
    );
    expect(retried).toContain(refused?.name);
    expect(refused?.name).toBe('LeaseHeldError');
  });

  it('of a run whose lease another run has says so before anything is done', async () => {
    const { opened } = await openSite();
    await opened.world.state.leases.acquire('pipeline/accounts', 'another-run', 60_000);
    for (const name of ['plan', 'work', 'audit', 'publish'])
      expect((await failure(call(name, await recorded(`task-${name}`))))?.name).toBe('LeaseLostError');
  });

  it.each(['plan', 'audit', 'publish'])('of a run that does not exist is named by %s', async (name) => {
    await openSite();
    expect((await failure(call(name, await recorded(`task-${name}`))))?.name).toBe('CorruptStateError');
  });

  it('of a report on a run that does not exist is none: it must not hide the failure that it is about', async () => {
    await openSite();
    expect(await call('report', await recorded('task-report'))).toEqual({});
  });

  it.each([
    ['work', 'task-work', 'UnitTooLargeError'],
    ['plan', 'task-plan', 'DeadlineExceededError'],
  ])('of %s that runs out of time says so, whatever was interrupted', async (name, file, expected) => {
    const { opened } = await openSite();
    // Held up until after the deadline, then failing as an interrupted statement would.
    const original = opened.world.state.runs.get;
    Object.assign(opened.world.state.runs, {
      get: async () => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        throw new Error('INTERRUPT Error: Interrupted!');
      },
    });
    const stopped = await failure(call(name, await recorded(file), 20));
    Object.assign(opened.world.state.runs, { get: original });
    expect(stopped?.name).toBe(expected);
  });
});

it('handlers stay thin', async () => {
  for (const name of functionNames) {
    const lines = (await readFile(`functions/${name}.ts`, 'utf8')).split('\n').length;
    expect([name, lines < 60]).toEqual([name, true]);
  }
});

describe('the lease of a run', () => {
  it('outlives each function by as long as the state machine may take to call the next one', async () => {
    const { opened, clock } = await openSite();
    const { leases } = opened.world.state;
    await leases.acquire('pipeline/accounts', 'a-run', 30_000);
    await holdLease(opened.world, 'accounts', 'a-run', 60_000);
    const held = await leases.current('pipeline/accounts');
    expect(held?.expiresMs).toBe(clock.nowMs + 16 * 60_000);
    clock.nowMs += 60_000;
    await holdLease(opened.world, 'accounts', 'a-run', 60_000);
    expect(await leases.current('pipeline/accounts')).toEqual(held);
  });
});
