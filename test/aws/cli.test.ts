import { mkdir, stat } from 'node:fs/promises';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionWorld } from '../../functions/runtime/world.ts';
import { IntegrityError } from '../../lib/errors.ts';
import { balances, first, header, late, ok } from '../cli/warehouse.ts';
import { type DeployedSite, openDeployedSite, points, smallPipeline } from './deployed-site.ts';
import { openProxy, type ProxiedAnswer } from './proxy.ts';
import { testClients } from './world.ts';

const afterFirst = [
  [1, '2026-01', [100, null, null, null, null, null]],
  [1, '2026-02', [110, 100, null, null, null, null]],
  [2, '2026-01', [200, null, null, null, null, null]],
];
const afterLate = [
  [1, '2025-12', [90, null, null, null, null, null]],
  [1, '2026-01', [100, 90, null, null, null, null]],
  [1, '2026-02', [110, 100, 90, null, null, null]],
  [2, '2026-01', [200, null, null, null, null, null]],
  [3, '2026-01', [300, null, null, null, null, null]],
];

let site: DeployedSite;
beforeEach(async () => {
  site = await openDeployedSite(smallPipeline);
  await site.write('first.csv', first);
  await site.write('late.csv', late);
});
afterEach(() => site[Symbol.asyncDispose]());

const onAws = (...argv: readonly string[]) => site.home.run(...argv, '--aws');
const runsOf = async () =>
  (await site.home.json('runs', '--aws'))['runs'] as readonly {
    readonly runId: string;
    readonly status: string;
    readonly attempt: number;
  }[];
const newest = async () => (await runsOf())[0]?.runId ?? '';

/** Lets a function fail once. */
const failOnce = (name: string, error: Error) => {
  let left = 1;
  site.before = (called) => {
    if (called !== name || left === 0) return;
    left -= 1;
    throw error;
  };
};

/** Holds a function's calls back until they are let go; `reached` when the first one is there. */
const hold = (name: string) => {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  site.before = async (called) => {
    if (called !== name) return;
    reached.resolve();
    await gate.promise;
  };
  return { reached: reached.promise, letGo: () => gate.resolve() };
};

describe('run on AWS', () => {
  it('uploads, starts, follows and ends as a run here does; what looks at it finds the same', async () => {
    const { stdout, stderr } = await ok(site.home, 'run', 'first.csv', '--aws');
    expect(stdout).toMatch(/^published accounts-\S+ to main in .*\n {2}3 rows read from 1 file$/m);
    expect(stdout).toContain('next   partwise show latest --limit 5 --aws');
    expect(stderr).toMatch(/^run accounts-\S+: 1 file$/m);
    expect(stderr).toMatch(/^ {2}prepare +1\/1 unit/m);
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
    const runId = await newest();
    const status = await ok(site.home, 'status', runId.slice(-6), '--aws');
    expect(status.stdout).toContain(`s3://${site.names.STAGING}/accounts/`);
    expect(status.stdout).toMatch(/first\.csv +\S+ B +done/);
    expect((await ok(site.home, 'show', 'latest', '--key', '2', '--aws')).stdout).toContain('200');
    expect((await ok(site.home, 'verify', '--aws')).stdout).toContain(`verified ${runId}`);
    expect((await ok(site.home, 'verify', '--full', '--aws')).stdout).toContain('verified');
    // A clone may have runs of its own: nothing of it is looked at or made.
    await expect(stat(`${site.home.path}/.partwise`)).rejects.toThrow('ENOENT');
  });

  it('has nothing to do with the same file again, and takes another content under the same name', async () => {
    await ok(site.home, 'run', 'first.csv', '--aws');
    const again = await ok(site.home, 'run', 'first.csv', '--aws');
    expect(again.stdout).toContain('nothing to do: 1 file seen, all of them applied before');
    await site.write('first.csv', late);
    await ok(site.home, 'run', 'first.csv', '--aws');
    expect(await balances(site.home, '--aws')).toEqual(afterLate);
    using clients = testClients();
    const { Contents: objects = [] } = await clients.s3.send(
      new ListObjectsV2Command({ Bucket: site.names.STAGING }),
    );
    expect(objects).toHaveLength(2);
  });

  it('is one document with --json, as here', async () => {
    expect(await site.home.json('run', 'first.csv', '--aws')).toMatchObject({
      exitCode: 0,
      filesSeen: 1,
      filesNew: 1,
      run: { status: 'succeeded', branch: 'main' },
      cases: [
        { name: 'caseI', rows: 2 },
        { name: 'caseIV', rows: 1 },
      ],
    });
    expect(await site.home.json('run', '--aws')).toMatchObject({ exitCode: 0 });
  });

  it('plans without touching a table, and runs the plan', async () => {
    await ok(site.home, 'run', 'first.csv', '--aws');
    const planned = await ok(site.home, 'plan', 'late.csv', '--from-month', '2026-01', '--aws');
    expect(planned.stdout).toMatch(/^plan accounts-\S+ for main$/m);
    expect(planned.stdout).toContain('late.csv');
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
    const runId = await newest();
    expect(planned.stdout).toContain(`next   partwise run --plan ${runId} --aws`);
    await ok(site.home, 'run', '--plan', runId, '--aws');
    expect(await balances(site.home, '--aws')).toEqual(afterLate);
    expect(site.machine.started.at(-1)).toBe(`${runId}-2`);
  });

  it('publishes to a branch, which diff compares with main', async () => {
    await ok(site.home, 'run', 'first.csv', '--aws');
    await ok(site.home, 'run', 'late.csv', '--branch', 'check', '--aws');
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
    expect(await balances(site.home, '--branch', 'check', '--aws')).toEqual(afterLate);
    const { stdout } = await ok(site.home, 'diff', 'summary', 'main', 'check', '--aws');
    expect(stdout).toContain('2 added, 0 removed, 2 changed');
  });

  it('ends with the code of the error that the run failed with', async () => {
    const bad = Array.from({ length: 150 }, (_, index) => `${index},soon,1,2026-03-01 00:00:00\n`).join('');
    await site.write('bad.csv', `${header}${bad}`);
    const { code, stderr } = await onAws('run', 'bad.csv');
    expect(code).toBe(5);
    expect(stderr).toContain('over its error budget');
    expect(stderr).toContain(`next   partwise cancel ${await newest()} --aws`);
  });
});

describe('files that are named', () => {
  it('may be folders, without what is hidden or not finished', async () => {
    await mkdir(`${site.home.path}/drops/more`, { recursive: true });
    await site.write('drops/first.csv', first);
    await site.write('drops/more/late.csv', late);
    await site.write('drops/_notes.csv', 'x');
    const { stdout, stderr } = await ok(site.home, 'run', 'drops', '--aws');
    expect(stdout).toContain('rows read from 2 files');
    expect(stderr).toMatch(/left alone: \S+_notes\.csv \(the name says/);
    expect(await balances(site.home, '--aws')).toEqual(afterLate);
  });

  it.each([
    [['nope.csv'], 'nope.csv cannot be read'],
    [['first.csv', '--deletions', 'late.csv'], 'accounts has no deletions feed'],
    [['first.csv', '--flush'], 'are for pipelines in batches'],
    [['first.csv', '--from-month', 'May'], "--from-month needs a month YYYY-MM, not 'May'"],
  ])('are refused as here before anything is uploaded: %j', async (words, message) => {
    expect(await onAws('run', ...words)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    using clients = testClients();
    const listed = await clients.s3.send(new ListObjectsV2Command({ Bucket: site.names.STAGING }));
    expect(listed.KeyCount).toBe(0);
    expect(await runsOf()).toEqual([]);
  });
});

describe('looking at a run', () => {
  /** Answers for Step Functions as long as there are any; the service does after that. */
  const answering = async (...answers: (ProxiedAnswer | 'none')[]) => {
    const held = hold('work');
    const left: (ProxiedAnswer | 'none')[] = [];
    const proxy = await openProxy(site.machine.url, async (asked, forward) => {
      if (!String(asked.headers['x-amz-target']).endsWith('DescribeExecution')) return forward(asked);
      const next = left.shift();
      return next === 'none' ? undefined : (next ?? forward(asked));
    });
    site.variables['AWS_ENDPOINT_URL_SFN'] = proxy.url;
    const typed = onAws('run', 'first.csv');
    await held.reached;
    const runId = await newest();
    left.push(...answers);
    return { typed, runId, proxy, held };
  };

  it('goes on when the service does not answer for a while', async () => {
    const { typed, proxy, held } = await answering(...Array<'none'>(7).fill('none'));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    held.letGo();
    const { code, stderr } = await typed;
    expect([code, stderr]).toEqual([0, expect.stringContaining('trying again: states:DescribeExecution')]);
    await proxy[Symbol.asyncDispose]();
  });

  it('ends when the sign-in lapses, and says that the run goes on and how to look again', async () => {
    const lapsed = {
      status: 400,
      headers: { 'content-type': 'application/x-amz-json-1.0' },
      body: Buffer.from(
        JSON.stringify({ __type: 'ExpiredTokenException', message: 'The token has expired' }),
      ),
    };
    const { typed, runId, proxy, held } = await answering(lapsed);
    const { code, stderr } = await typed;
    expect(code).toBe(9);
    expect(stderr).toContain('safe   the run goes on without being looked at\n');
    expect(stderr).toMatch(/^next {3}sign in .*; then partwise resume accounts-/m);
    held.letGo();
    expect(await onAws('resume', runId)).toMatchObject({ code: 0 });
    await proxy[Symbol.asyncDispose]();
  });
});

it('a run that cannot even start ends with what is wrong, and its files wait', async () => {
  await ok(site.home, 'run', 'first.csv', '--aws');
  await site.redeploy(smallPipeline.replace('historyLength: 6', 'historyLength: 7'));
  const { code, stderr } = await onAws('run', 'late.csv');
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^failed .*history/m)]);
  await site.redeploy(smallPipeline);
  await ok(site.home, 'run', '--aws');
  expect(await balances(site.home, '--aws')).toEqual(afterLate);
});

describe('resume on AWS', () => {
  const failed = async () => {
    failOnce('audit', new IntegrityError('rows are missing'));
    const { code, stderr } = await onAws('run', 'first.csv');
    expect([code, stderr]).toEqual([6, expect.stringContaining('failed rows are missing')]);
    return newest();
  };

  it('redrives the execution that failed', async () => {
    const runId = await failed();
    const { stderr, stdout } = await ok(site.home, 'resume', runId, '--aws');
    const [name, ...others] = new Set(site.machine.started);
    expect(others).toEqual([]);
    expect(stderr).toContain(`redriving execution ${name} of ${runId}`);
    expect(stderr).toMatch(/^run accounts-\S+, attempt 2: 1 file$/m);
    expect(stderr).toMatch(/^ {2}prepare +1\/1 unit +1 done before/m);
    expect(stderr).not.toMatch(/^run accounts-\S+: /m);
    expect(stdout).toContain(`published ${runId}`);
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
  });

  it('starts another execution of the run when it is too late for a redrive, or a new plan is wanted', async () => {
    const runId = await failed();
    site.machine.tooLateToRedrive = true;
    failOnce('audit', new IntegrityError('still missing'));
    expect(await onAws('resume')).toMatchObject({ code: 6 });
    expect(site.machine.started.at(-1)).toBe(`${runId}-2`);
    site.machine.tooLateToRedrive = false;
    const { stderr } = await ok(site.home, 'resume', '--replan', '--aws');
    expect(stderr).toContain(`started execution ${runId}-3: another attempt of ${runId}`);
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
    expect(await runsOf()).toMatchObject([{ runId, status: 'succeeded', attempt: 3 }]);
  });

  const stopped = async () => {
    const held = hold('work');
    const typed = onAws('run', 'first.csv');
    await held.reached;
    const runId = await newest();
    await site.machine.stop(site.machine.started[0] ?? '');
    held.letGo();
    expect(await typed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/was stopped \(ABORTED\).*\nsafe .*\nnext {3}partwise resume accounts-/),
    });
    site.before = () => undefined;
    return runId;
  };

  it('redrives an execution that somebody stopped', async () => {
    const runId = await stopped();
    const { stdout, stderr } = await ok(site.home, 'resume', runId, '--aws');
    expect(stderr).toContain('redriving execution');
    expect(stdout).toContain(`published ${runId}`);
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
  });

  it('starts another one for a stopped execution whose lease went to somebody else meanwhile', async () => {
    const runId = await stopped();
    const { leases } = (await functionWorld()).world.state;
    const lease = await leases.current('pipeline/accounts');
    if (lease !== undefined) await leases.release(lease);
    await leases.release(await leases.acquire('pipeline/accounts', 'somebody', 1_000));
    expect((await ok(site.home, 'resume', '--aws')).stderr).toContain(`started execution ${runId}-2`);
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
  });

  it('follows a run that is at work, after Ctrl-C or --detach', async () => {
    const held = hold('work');
    const typed = onAws('run', 'first.csv');
    await held.reached;
    site.interrupt();
    const { code, stderr } = await typed;
    expect(code).toBe(130);
    expect(stderr).toContain('only looking at it was stopped');
    const busy = await onAws('run', 'late.csv');
    expect(busy).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('or the run after it takes them'),
    });
    const resumed = onAws('resume');
    held.letGo();
    expect(await resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('published') });
    const detached = await ok(site.home, 'run', '--detach', '--aws');
    expect(detached.stdout).toMatch(/^started execution accounts-c\S+\nnext {3}partwise status --aws$/m);
    expect(await onAws('resume')).toMatchObject({ code: 0 });
    expect(await balances(site.home, '--aws')).toEqual(afterLate);
  });
});

describe('cancel on AWS', () => {
  it('stops a run at work and gives its files back', async () => {
    const held = hold('work');
    const typed = onAws('run', 'first.csv');
    await held.reached;
    const runId = await newest();
    const { stdout, stderr } = await ok(site.home, 'cancel', runId, '--aws');
    expect(stderr).toContain('stopped execution');
    expect(stdout).toContain(`cancelled ${runId}; nothing of it was visible`);
    held.letGo();
    expect(await typed).toMatchObject({
      code: 130,
      stderr: expect.stringContaining(`run ${runId} was cancelled; its files are pending again`),
    });
    await ok(site.home, 'run', '--aws');
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
    expect(await runsOf()).toMatchObject([{ status: 'succeeded' }, { runId, status: 'cancelled' }]);
  });

  it('refuses what readers have already, and what is not known', async () => {
    await ok(site.home, 'run', 'first.csv', '--aws');
    const runId = await newest();
    expect(await onAws('cancel', runId)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('has been published'),
    });
    expect(await onAws('cancel', 'nope')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no run nope'),
    });
  });
});

describe('where the pipeline is', () => {
  it('is said by the parameter of its stack, or by the environment, name by name', async () => {
    await ok(site.home, 'run', 'first.csv', '--aws');
    Object.assign(site.variables, site.environment);
    site.variables['AWS_ENDPOINT_URL_SSM'] = 'http://127.0.0.1:1';
    expect(await balances(site.home, '--aws')).toEqual(afterFirst);
  });

  it('is refused by name when nothing is deployed there', async () => {
    const { code, stderr } = await onAws('runs', '--region', 'eu-north-1');
    expect(code).toBe(9);
    expect(stderr).toContain('pipeline accounts is not deployed in eu-north-1 (NotDeployedError)');
  });

  it('takes no files for a pipeline that is deployed otherwise than it stands here', async () => {
    await site.write(
      'pipelines/accounts.yaml',
      smallPipeline.replace('historyLength: 6', 'historyLength: 7'),
    );
    const { code, stderr } = await onAws('run', 'first.csv');
    expect([code, stderr]).toEqual([2, expect.stringContaining('not the one that is deployed')]);
    expect((await onAws('runs')).stderr).toContain('is not what is deployed');
  });
});

it('runs every batch of points that is due, with the words of a run here', async () => {
  await site[Symbol.asyncDispose]();
  site = await openDeployedSite(points);
  const at = (minute: number) => Date.parse('2026-01-01T00:00:00Z') + minute * 60_000;
  const rows = [1, 2, 61, 62].map((minute) => `7,${at(minute)},${minute},1,org,cpu`);
  await site.write(
    'points.csv',
    `id,logical_timestamp,long_value,metric_shard_id,org_id,metric\n${rows.join('\n')}\n`,
  );
  const typed = ['run', 'points.csv', '--arrived', '2026-01-01T00:30:00Z', '--until', '2026-01-01T03:00:00Z'];
  const told = async (...where: readonly string[]) => {
    const { stdout } = await ok(site.home, ...typed, ...where);
    return stdout
      .replaceAll(/-\d{8}t\d{6}-\w+/g, '-RUN')
      .replaceAll(/ in \S+ \w+/g, '')
      .replaceAll(' --aws', '');
  };
  const there = await told('--aws');
  expect(there.match(/^published/gm)?.length).toBeGreaterThan(1);
  expect(there).toBe(await told());
  expect(new Set(site.machine.started).size).toBe(there.match(/^published/gm)?.length);
  const again = await ok(site.home, 'run', '--until', '2026-01-01T03:00:00Z', '--aws');
  expect(again.stdout).toContain('nothing is due: the next batch ends at');
});
