import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionWorld } from '../../functions/runtime/world.ts';
import { loadPipeline } from '../../lib/config/index.ts';
import { loadTable } from '../../lib/iceberg/index.ts';
import { balances, first, late, ok } from '../cli/warehouse.ts';
import { sparkPolicy } from '../stacks/people-policies.ts';
import { type DeployedSite, openDeployedSite, smallPipeline } from './deployed-site.ts';
import { type GlueJobs, openGlueJobs } from './glue-jobs.ts';
import { glueSync } from './glue-sync.ts';
import { isAllowed, recordRequests } from './requests.ts';

/** A run of Spark begins anew each time. */
const minutes = 15 * 60_000;
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

let jobs: GlueJobs;
let site: DeployedSite;
beforeEach(async () => {
  jobs = await openGlueJobs('spark');
});
afterEach(async () => {
  await site?.[Symbol.asyncDispose]();
  await jobs[Symbol.asyncDispose]();
});

/** Other suites deploy their pipelines to the same stand-ins. */
const pipeline = 'sparked';
const yaml = smallPipeline.replace('pipeline: accounts', `pipeline: ${pipeline}`);

/** A deployed pipeline that holds the first file, which DuckDB has loaded. */
async function open(sections: string): Promise<void> {
  site = await openDeployedSite(`${yaml}\n`, glueSync(jobs.url));
  await site.write('first.csv', first);
  await site.write('late.csv', late);
  await ok(site.home, 'run', 'first.csv', '--aws');
  expect(jobs.runs).toEqual([]);
  await site.redeploy(`${yaml}${sections}\n`);
}

const snapshots = async () => {
  const { world } = await functionWorld();
  const identifier = { namespace: 'typed', name: `${pipeline}_summary` };
  return (await loadTable({ store: world.warehouse, catalog: world.catalog, identifier })).metadata.snapshots
    .length;
};
const newest = async () => (await (await functionWorld()).world.state.runs.list(pipeline))[0];

/** Waits until a job run is under way. */
async function running(): Promise<void> {
  while (jobs.runs.length === 0) await new Promise((done) => setTimeout(done, 20));
}

describe('a pipeline with work.engine: spark, as it is deployed', () => {
  it(
    'has its units run as a job, which leaves the rows that DuckDB leaves, in one snapshot',
    async () => {
      await open('work: {engine: spark}');
      const before = await snapshots();
      const { WAREHOUSE: warehouse, RESULTS: results } = site.names;
      const names = { [warehouse]: '<Warehouse>', [results]: '<Results>' };
      await using recorder = await recordRequests({ s3: jobs.s3 }, names, '');
      jobs.s3 = recorder.endpoints['s3'] ?? '';
      const { stderr } = await ok(site.home, 'run', 'late.csv', '--aws');
      expect(stderr).toMatch(/apply/);
      expect(await balances(site.home, '--aws')).toEqual(afterLate);
      expect(await snapshots()).toBe(before + 1);
      // One for resolve, one for apply.
      expect(jobs.runs.map(({ state, arguments: given }) => [state, Object.keys(given)])).toEqual([
        ['SUCCEEDED', ['--specifications']],
        ['SUCCEEDED', ['--specifications']],
      ]);
      // So little that the fewest workers do.
      expect(jobs.runs).toMatchObject(Array(2).fill({ workerType: 'G.1X', workers: 2, timeoutMinutes: 30 }));
      expect((await ok(site.home, 'verify', '--full', '--aws')).stdout).toContain('verified');
      // The job asks for nothing that its role would not let it.
      const rights = sparkPolicy(await loadPipeline(`${site.home.path}/pipelines/accounts.yaml`));
      const asked = recorder.take();
      expect(asked.map(({ action }) => action)).toEqual(
        expect.arrayContaining(['s3:GetObject', 's3:PutObject']),
      );
      expect(asked.filter((one) => !isAllowed(rights, one))).toEqual([]);
    },
    minutes,
  );

  it(
    'fails by name and job run when a job run dies, and a resume does what is missing',
    async () => {
      await open('work: {engine: spark}');
      const run = site.home.run('run', 'late.csv', '--aws');
      await running();
      jobs.kill();
      const { code, stderr } = await run;
      expect(code).not.toBe(0);
      expect(stderr).toContain(jobs.runs[0]?.id);
      expect((await newest())?.error).toMatchObject({ name: 'SparkUnitError' });
      expect(await balances(site.home, '--aws')).toEqual(afterFirst);
      await ok(site.home, 'resume', String((await newest())?.runId), '--aws');
      expect(await balances(site.home, '--aws')).toEqual(afterLate);
      expect(jobs.runs.map(({ state }) => state)).toEqual(['FAILED', 'SUCCEEDED', 'SUCCEEDED']);
    },
    minutes,
  );

  it(
    'stops the job run when its execution is stopped',
    async () => {
      await open('work: {engine: spark}');
      const run = site.home.run('run', 'late.csv', '--aws');
      await running();
      await site.machine.stop(site.machine.started.at(-1) ?? '');
      await run;
      while (jobs.runs[0]?.state === 'RUNNING') await new Promise((done) => setTimeout(done, 20));
      expect(jobs.runs.map(({ state }) => state)).toEqual(['STOPPED']);
      expect(await balances(site.home, '--aws')).toEqual(afterFirst);
    },
    minutes,
  );
});

describe('a unit that is too large for its function', () => {
  it(
    'and is ended for its memory goes to Spark, and the run says so',
    async () => {
      await open('work: {strategy: partitionwise}\naws: {glue: {}}');
      const name = 'Runtime.OutOfMemory';
      site.before = (called, payload) => {
        const { stage, reroute, finish } = payload as Readonly<Record<string, unknown>>;
        if (called !== 'work' || stage !== 'apply' || reroute !== undefined || finish === true) return;
        throw Object.assign(new Error('RequestId: 1 Error: Runtime exited'), { name });
      };
      await ok(site.home, 'run', 'late.csv', '--aws');
      expect(await balances(site.home, '--aws')).toEqual(afterLate);
      expect(jobs.runs.map(({ state }) => state)).toEqual(['SUCCEEDED']);
      expect((await newest())?.facts['rerouted']).toMatchObject({
        apply: { some: [{ name, message: expect.stringMatching(/Runtime exited/) }] },
      });
    },
    minutes,
  );

  it('fails as ever where the pipeline does not ask for Spark', async () => {
    site = await openDeployedSite(`${yaml}work: {strategy: partitionwise, engine: duckdb}\n`);
    await site.write('first.csv', first);
    site.before = (called) => {
      if (called === 'work') throw Object.assign(new Error('killed'), { name: 'Runtime.OutOfMemory' });
    };
    const { code } = await site.home.run('run', 'first.csv', '--aws');
    expect(code).not.toBe(0);
    expect(jobs.runs).toEqual([]);
  });
});
